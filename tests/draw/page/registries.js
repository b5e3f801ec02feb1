// The registries that Grafana fills when it starts: transformations, and the options of fields.

import * as data from '@grafana/data';

const transformations = new Map(Object.values(data.standardTransformers).map((known) => [known.id, known]));

data.standardTransformersRegistry.setInit(() =>
  [...transformations.values()].map((transformation) => ({
    id: transformation.id, name: transformation.name, description: '', transformation, editor: () => null,
  })));

const same = (value) => value;

const STANDARD = {
  displayName: data.displayNameOverrideProcessor,
  unit: data.unitOverrideProcessor,
  min: data.numberOverrideProcessor,
  max: data.numberOverrideProcessor,
  decimals: data.numberOverrideProcessor,
  mappings: data.valueMappingsOverrideProcessor,
  thresholds: data.thresholdsOverrideProcessor,
  links: data.dataLinksOverrideProcessor,
  noValue: same,
  color: same,
  filterable: same,
  description: same,
};

const option = (path, process, isCustom) => ({
  id: isCustom ? `custom.${path}` : path,
  path,
  name: path,
  isCustom,
  process,
  settings: {},
  shouldApply: () => true,
  getItemsCount: () => 0,
  editor: () => null,
  override: () => null,
});

const standard = Object.entries(STANDARD).map(([path, process]) => option(path, process, false));
data.standardFieldConfigEditorRegistry.setInit(() => standard);

/** The standard options, and the visualization's own that this panel sets. */
export function fieldOptions({ defaults, overrides }) {
  const overridden = overrides.flatMap(({ properties }) => properties.map(({ id }) => id));
  const custom = new Set([
    ...Object.keys(defaults.custom ?? {}),
    ...overridden.filter((id) => id.startsWith('custom.')).map((id) => id.slice('custom.'.length)),
  ]);
  return new data.Registry(() => [...standard, ...[...custom].map((path) => option(path, same, true))]);
}
