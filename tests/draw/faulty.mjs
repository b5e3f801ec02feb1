// A dashboard with a panel for each fault, and the complaint that it must cause: what isn't noticed here would not be noticed in a
// real dashboard. Pure faults of data are in judge.test.mjs.

const CONNECTED = 'defender_maps_connected{job=~"$job", instance=~"$instance", ssl_options="3"}';
const mappings = [{ type: 'value', options: { 0: { text: 'Lost', color: 'red' }, 1: { text: 'Connected', color: 'green' } } }];
const thresholds = { mode: 'absolute', steps: [{ color: 'blue', value: null }] };
const stat = { colorMode: 'value', graphMode: 'none', justifyMode: 'auto', orientation: 'auto', textMode: 'value_and_name',
  reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false } };
const timeline = (showLegend, mergeValues) => ({ mergeValues, showValue: 'never', legend: { showLegend, displayMode: 'list', placement: 'bottom' } });

/** Type, title, query, options of the panel and of its fields, complaint. */
const PANELS = [
  ['stat', 'Tiles', 'defender_endpoint_state{instance=~"$instance", component="adl"}', stat, {}, /"Tiles": ".+" is [\d.]+ px high$/],
  ['stat', 'Quotient', 'vector(0) / 0', stat, {}, /"Quotient": shows nothing$/],
  ['stat', 'Unnamed', CONNECTED, stat, { displayName: '${unknown}' }, /"Unnamed": says "\$\{unknown\}"$/],
  ['table', 'Columns', CONNECTED, {}, { custom: { minWidth: 150 } }, /"Columns": the column "Value" is cut off$/],
  ['table', 'Cells', CONNECTED, {}, { custom: { width: 40 } }, /"Cells": ".+" is cut off at the side/],
  ['table', 'Rows', 'defender_endpoint_state{instance=~"$instance"}', {}, {}, /"Rows": \d+ rows are cut off or hidden$/],
  ['timeseries', 'Nothing', 'missing', { legend: { showLegend: false } }, {}, /"Nothing": says "No data"$/],
  ['timeseries', 'Parenthesis', 'sum(', { legend: { showLegend: false } }, {}, /"Parenthesis": failed: .+parse error/],
  ['state-timeline', 'Thresholds', CONNECTED, timeline(true, true), { color: { mode: 'thresholds' } }, /"Thresholds": 1 is shown as "-∞\+", not as "Connected"$/],
  ['state-timeline', 'Wordless', CONNECTED, timeline(false, false), { color: { mode: 'fixed' } }, /"Wordless": no text and no legend says "Connected"$/],
  ['geomap', 'Map', CONNECTED, {}, {}, /"Map": failed: geomap can't be drawn$/],
];

const target = (type, expr) => ({ refId: 'A', expr, instant: !/time/.test(type), range: /time/.test(type), format: type === 'table' ? 'table' : 'time_series' });

export const faulty = {
  title: 'Faulty',
  templating: {
    list: ['job', 'instance'].map((name) => ({
      name, type: 'query', multi: true, includeAll: true, allValue: '.+', definition: `label_values(up, ${name})`, current: { value: ['$__all'] },
    })),
  },
  annotations: { list: [] },
  panels: PANELS.map(([type, title, expr, options, defaults], i) => ({
    id: i + 1, type, title, options, targets: [target(type, expr)],
    fieldConfig: { defaults: { mappings: type === 'state-timeline' ? mappings : [], thresholds, ...defaults }, overrides: [] },
    gridPos: { x: (i % 4) * 6, y: Math.floor(i / 4) * 6, w: 6, h: 6 },
  })),
};

/** The panels whose fault none of these complaints is about. */
export function unnoticed(complaints) {
  return PANELS.filter(([,,,,, pattern]) => !complaints.some((complaint) => pattern.test(complaint))).map(([, title]) => title);
}
