// The state timeline, after Grafana's behaviour: its own code isn't published. Drawn as elements, so that words and colours can be
// read from the page.

import * as data from '@grafana/data';
import { measureText, VizLegend } from '@grafana/ui';

import { AXIS, TimeAxis } from './axis.jsx';
import { isEmpty, NoData } from './panels.jsx';

const FONT = 12;
const LEGEND = 30;
const PAGES = 20;
const GAP = 8;

/** The names of thresholds, as Grafana's legends have them. */
function thresholdNames({ config }) {
  const { steps } = config.thresholds;
  const written = (value) => data.formattedValueToString(data.getValueFormat(config.unit ?? '')(value, config.decimals ?? undefined));
  return steps.map(({ value }, i) => (value === -Infinity && i + 1 < steps.length ? `< ${written(steps[i + 1].value)}` : `${written(value)}+`));
}

/** A number's state. With "Merge equal consecutive values" and colours from thresholds, Grafana (since 8.2) shows the threshold's
 * name, and doesn't use the value mappings (its issues 41075 and 71804). */
function states(field, panel, theme) {
  const steps = field.config.thresholds?.steps ?? [];
  const replaces = panel.options.mergeValues && field.config.color?.mode === 'thresholds' && field.type === 'number' && steps.length > 0;
  if (!replaces) {
    return (value) => {
      const { text, prefix = '', suffix = '', color } = field.display(value);
      return { text: prefix + text + suffix, color: color ?? theme.colors.text.primary };
    };
  }
  const names = thresholdNames(field);
  return (value) => {
    const i = steps.findLastIndex((step) => value >= step.value);
    return { text: names[i], color: theme.visualization.getColorByName(steps[i].color) };
  };
}

/** The boxes of one series: each lasts until the next sample, or for one step where that is missing. */
function boxes(frame, panel, board) {
  const [time, field] = frame.fields;
  const step = time.config.interval;
  const state = states(field, panel, board.theme);
  const found = [];
  time.values.forEach((start, i) => {
    const value = field.values[i];
    if (value === null || Number.isNaN(value)) return;
    const end = Math.min(start + step, board.to);
    const last = found.at(-1);
    const { text, color } = state(value);
    if (panel.options.mergeValues !== false && last?.text === text && last.end >= start) last.end = end;
    else found.push({ start: Math.max(start, board.from), end, value, text, color });
  });
  return found.filter(({ start, end }) => end > start);
}

/** What the panel's mappings say of a value, read apart from Grafana's own code; null if nothing. */
function mapped({ config }, value, theme) {
  const results = (config.mappings ?? []).map(({ type, options }) => {
    if (type === 'value') return options[String(value)];
    const inside = type === 'range' && value >= (options.from ?? -Infinity) && value <= (options.to ?? Infinity);
    return inside ? options.result : undefined;
  });
  const found = results.find(Boolean);
  return found && { text: found.text, color: found.color && theme.visualization.getColorByName(found.color) };
}

function legendItems(rows, panel) {
  const { config } = rows[0].field;
  if (config.color?.mode === 'thresholds' && config.thresholds.steps.length > 1) {
    return thresholdNames(rows[0].field).map((label, i) => ({ label, color: config.thresholds.steps[i].color, yAxis: 1 }));
  }
  const colors = new Map(rows.flatMap((row) => row.boxes.map(({ text, color }) => [text, color])));
  return [...colors].map(([label, color]) => ({ label, color, yAxis: 1 }));
}

export function Timeline({ panel, loaded, board, width, height }) {
  if (isEmpty(loaded.series)) return <NoData loaded={loaded} board={board} />;
  const { theme, from, to } = board;
  const rows = loaded.series.map((frame) => ({
    name: data.getFieldDisplayName(frame.fields[1], frame, loaded.series),
    field: frame.fields[1],
    boxes: boxes(frame, panel, board),
  }));
  const shown = rows.slice(0, panel.options.perPage ?? 20);
  const { legend } = panel.options;
  const items = legend.showLegend ? legendItems(rows, panel) : [];
  const left = Math.ceil(Math.max(...shown.map(({ name }) => measureText(name, FONT).width))) + GAP + 7;
  const plot = width - left - GAP;
  const pages = Math.ceil(rows.length / shown.length);
  const rowHeight = (height - AXIS - (items.length ? LEGEND : 0) - (pages > 1 ? PAGES : 0)) / shown.length;
  const barHeight = rowHeight * (panel.options.rowHeight ?? 0.9);
  const x = (time) => ((time - from) / (to - from)) * plot;
  return (
    <div data-timeline style={{ width, height, fontSize: FONT, lineHeight: 1.2, color: theme.colors.text.primary }}>
      {shown.map((row) => (
        <div key={row.name} style={{ position: 'relative', height: rowHeight }}>
          <div style={{ position: 'absolute', right: width - left + GAP, height: '100%', display: 'flex', alignItems: 'center', whiteSpace: 'nowrap' }}>
            {row.name}
          </div>
          {row.boxes.map((box) => (
            <Box key={box.start} box={box} expected={mapped(row.field, box.value, theme)} panel={panel} theme={theme}
              left={left + x(box.start)} width={Math.max(1, x(box.end) - x(box.start))} top={(rowHeight - barHeight) / 2} height={barHeight} />
          ))}
        </div>
      ))}
      <TimeAxis board={board} left={left} width={plot} />
      {items.length > 0 && (
        <div style={{ height: LEGEND, overflow: 'hidden' }}>
          <VizLegend items={items} displayMode="list" placement="bottom" />
        </div>
      )}
      {pages > 1 && <div style={{ height: PAGES }}>{`page 1 of ${pages}`}</div>}
    </div>
  );
}

function Box({ box, expected, panel, theme, left, width, top, height }) {
  const { alignValue, showValue } = panel.options;
  const room = measureText(box.text, FONT).width + 6 <= width && height >= FONT;
  const opacity = (panel.fieldConfig.defaults.custom?.fillOpacity ?? 70) / 100;
  const style = {
    position: 'absolute', left, width, top, height, display: 'flex', alignItems: 'center', overflow: 'hidden', whiteSpace: 'nowrap',
    justifyContent: { left: 'flex-start', right: 'flex-end' }[alignValue] ?? 'center',
    padding: room ? '0 3px' : 0,
    background: data.colorManipulator.alpha(data.colorManipulator.asHexString(box.color), opacity),
    color: theme.colors.getContrastText(box.color, 3),
  };
  const label = showValue === 'always' || (showValue !== 'never' && room);
  return (
    <div style={style} data-value={box.value} data-text={box.text} data-color={hex(box.color)}
      data-expected-text={expected && (expected.text ?? box.text)} data-expected-color={expected?.color && hex(expected.color)}>
      {label && box.text}
    </div>
  );
}

const hex = (color) => data.colorManipulator.asHexString(color).toLowerCase();
