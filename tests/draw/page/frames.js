// From a panel's queries to the data frames that its visualization gets: queries, frames, transformations, field options.

import { applyFieldOverrides, FieldType, rangeUtil, transformDataFrame } from '@grafana/data';
import { lastValueFrom } from 'rxjs';

import { fieldOptions } from './registries.js';
import { duration, hastened, number, written } from './prometheus.js';
import { interpolate } from './variables.js';

/** What Grafana fills in for a field that the panel says nothing of. */
const DEFAULTS = {
  timeseries: {
    drawStyle: 'line', lineWidth: 1, fillOpacity: 0, gradientMode: 'none', lineInterpolation: 'linear', barAlignment: 0,
    barWidthFactor: 0.6, lineStyle: { fill: 'solid' }, spanNulls: false, insertNulls: false, showPoints: 'auto', pointSize: 5,
    stacking: { group: 'A', mode: 'none' }, axisPlacement: 'auto', axisLabel: '', axisColorMode: 'text', axisBorderShow: false,
    axisCenteredZero: false, scaleDistribution: { type: 'linear' }, thresholdsStyle: { mode: 'off' },
    hideFrom: { tooltip: false, viz: false, legend: false },
  },
  'state-timeline': { lineWidth: 0, fillOpacity: 70, spanNulls: false, insertNulls: false },
  table: { align: 'auto', inspect: false, cellOptions: { type: 'auto' } },
};

/** Loads what a panel shows. `width` is the panel's, which decides the step of its queries. */
export async function load(panel, board, scoped, width) {
  const targets = panel.targets ?? [];
  const answers = await Promise.all(targets.map((target) => answer(panel, target, board, scoped, width)));
  const context = { ...board.context, scoped };
  const named = (target) => ({ ...target, legendFormat: interpolate(target.legendFormat, context, 'text') });
  const lines = targets.flatMap((target, i) => (target.format === 'table' || panel.type === 'heatmap' ? [] : answers[i].map((found) => line({ ...found, target: named(target) }))));
  let series = [...lines, ...tables(targets, answers)];
  if (panel.transformations?.length && series.length) {
    const active = panel.transformations.filter((transformation) => !transformation.disabled);
    series = await lastValueFrom(transformDataFrame(active, series, { interpolate: (text) => interpolate(text, context, 'text') }));
  }
  const fieldConfig = configured(panel);
  series = applyFieldOverrides({
    data: series,
    fieldConfig,
    fieldConfigRegistry: fieldOptions(fieldConfig),
    replaceVariables: (text) => interpolate(text, context, 'text'),
    theme: board.theme,
    timeZone: 'utc',
  });
  return { series, answers, fieldConfig };
}

/** The panel's field options with defaults. JSON has no -Infinity: a threshold without a value is the lowest. */
function configured(panel) {
  const config = structuredClone(panel.fieldConfig ?? { defaults: {}, overrides: [] });
  const overridden = config.overrides.flatMap(({ properties }) => properties.filter(({ id }) => id === 'thresholds'));
  for (const thresholds of [config.defaults.thresholds, ...overridden.map(({ value }) => value)]) {
    thresholds?.steps.forEach((step) => { step.value ??= -Infinity; });
  }
  config.defaults.custom = { ...DEFAULTS[panel.type], ...config.defaults.custom };
  return config;
}

/** The series of one query. */
async function answer(panel, target, board, scoped, width) {
  const { from, to, scrape, tempo } = board;
  const least = Math.max(scrape, panel.interval ? duration(panel.interval) / tempo : 0);
  const points = panel.maxDataPoints ?? Math.max(100, Math.round(width));
  const step = Math.max(least, rangeUtil.roundInterval((to - from) / points));
  const builtin = {
    ...board.context.builtin,
    __interval: written(step),
    __rate_interval: written(Math.max(step + scrape, 4 * scrape)),
  };
  const query = interpolate(hastened(target.expr, tempo), { ...board.context, builtin, scoped }, 'query');
  if (target.instant || target.range === false) {
    const found = await board.source.now(query);
    return found.map(({ metric, value }) => ({ target, step, labels: metric, times: [value[0] * 1000], values: [number(value[1])] }));
  }
  const found = await board.source.range(query, step);
  return found.map(({ metric, values = [], histograms }) => ({
    target,
    step,
    labels: metric,
    times: (histograms ?? values).map(([time]) => time * 1000),
    values: values.map(([, value]) => number(value)),
    histograms: histograms?.map(([, histogram]) => histogram),
  }));
}

function legend(format, labels) {
  if (format && format !== '__auto') return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => labels[label] ?? '');
  const own = Object.entries(labels).filter(([name]) => name !== '__name__');
  if (own.length === 1) return own[0][1];
  return own.length ? `{${own.map(([name, value]) => `${name}="${value}"`).join(', ')}}` : (labels.__name__ ?? 'Value');
}

/** A time series as a frame. */
function line({ target, step, labels, times, values }) {
  return {
    refId: target.refId,
    meta: { type: 'timeseries-multi' },
    length: times.length,
    fields: [
      { name: 'Time', type: FieldType.time, config: { interval: step }, values: times },
      { name: 'Value', type: FieldType.number, config: { displayNameFromDS: legend(target.legendFormat, labels) }, labels, values },
    ],
  };
}

/** One frame for each query in the format `table`. Of several, a query without result keeps its name and its empty frame. */
function tables(targets, answers) {
  const wanted = targets.map((target, i) => ({ target, found: answers[i] })).filter(({ target }) => target.format === 'table');
  return wanted.map(({ target, found }) => {
    if (wanted.length === 1 && found.length === 0) return { refId: target.refId, fields: [], length: 0 };
    const labels = [...new Set(found.flatMap((series) => Object.keys(series.labels).sort()))];
    const texts = labels.map((label) => ({
      name: label,
      type: FieldType.string,
      config: { filterable: true },
      values: found.flatMap((series) => series.times.map(() => series.labels[label] ?? '')),
    }));
    const times = found.flatMap((series) => series.times);
    const value = wanted.length > 1 ? `Value #${target.refId}` : 'Value';
    return {
      refId: target.refId,
      length: times.length,
      fields: [
        { name: 'Time', type: FieldType.time, config: {}, values: times },
        ...texts,
        { name: value, type: FieldType.number, config: {}, labels: {}, values: found.flatMap((series) => series.values) },
      ],
    };
  });
}
