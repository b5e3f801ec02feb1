// The heatmap, after Grafana's behaviour: its own code isn't published. Native histograms, or classic buckets by `le`.

import * as data from '@grafana/data';
import { useLayoutEffect, useRef } from 'react';

import { AXIS, TimeAxis } from './axis.jsx';
import { NoData } from './panels.jsx';
import { number } from './prometheus.js';

const LEFT = 60;
const SCALE = 26;

/** Cells of native histograms. */
function native({ times, histograms, step }) {
  return histograms.flatMap(({ buckets = [] }, i) =>
    buckets.map(([, low, high, count]) => ({ time: times[i], step, low: number(low), high: number(high), count: number(count) })));
}

/** Cells of classic buckets, whose counts are cumulative. */
function classic(series) {
  const ordered = series.map((one) => ({ ...one, le: number(one.labels.le) })).sort((a, b) => a.le - b.le);
  return ordered.flatMap(({ times, values, le, step }, i) => {
    const below = ordered[i - 1];
    const before = new Map(below?.times.map((time, j) => [time, below.values[j]]));
    return times.map((time, j) => ({ time, step, low: below?.le ?? 0, high: le, count: values[j] - (before.get(time) ?? 0) }));
  });
}

function cells(series, { filterValues }) {
  const all = series[0].histograms ? series.flatMap(native) : classic(series);
  return all.filter(({ count, high }) => count > (filterValues?.le ?? 0) && Number.isFinite(high) && high > 0);
}

export function Heatmap({ panel, loaded, board, width, height }) {
  const canvas = useRef();
  const series = loaded.answers.flat();
  const found = series.length ? cells(series, panel.options) : [];
  const hasScale = panel.options.legend?.show;
  const plot = { width: width - LEFT - 8, height: height - AXIS - (hasScale ? SCALE : 0) };
  const low = Math.min(...found.map((cell) => (cell.low > 0 ? cell.low : cell.high / 2)));
  const high = Math.max(...found.map((cell) => cell.high));
  const most = Math.max(...found.map((cell) => cell.count));
  const y = (value) => plot.height * (1 - Math.log(Math.max(value, low) / low) / Math.log(high / low));
  useLayoutEffect(() => {
    if (!canvas.current) return;
    const context = canvas.current.getContext('2d');
    const x = (time) => ((time - board.from) / (board.to - board.from)) * plot.width;
    for (const cell of found) {
      context.fillStyle = color(cell.count / most, panel, board.theme);
      context.fillRect(x(cell.time - cell.step), y(cell.high), x(cell.step + board.from) - 1, y(cell.low) - y(cell.high) - 1);
    }
  });
  if (found.length === 0) return <NoData loaded={loaded} board={board} />;
  return (
    <div style={{ width, height, fontSize: 12, color: board.theme.colors.text.primary }}>
      <div style={{ position: 'relative', height: plot.height }}>
        {ticks(found, y).map((value) => (
          <span key={value} style={{ position: 'absolute', right: width - LEFT + 6, top: Math.max(0, y(value) - 8) }}>{inUnit(value, panel)}</span>
        ))}
        <canvas ref={canvas} width={plot.width} height={plot.height} style={{ position: 'absolute', left: LEFT }} />
      </div>
      <TimeAxis board={board} left={LEFT} width={plot.width} />
      {hasScale && (
        <div style={{ display: 'flex', alignItems: 'center', gap: 8, height: SCALE, paddingLeft: LEFT }}>
          <span style={{ width: 256, height: 8, background: `linear-gradient(90deg, ${[0, 0.25, 0.5, 0.75, 1].map((share) => color(share, panel, board.theme))})` }} />
          {`0 to ${most.toPrecision(3)}`}
        </div>
      )}
    </div>
  );
}

const inUnit = (value, panel) => data.formattedValueToString(data.getValueFormat(panel.options.yAxis?.unit)(value));

/** Bounds of buckets with room for their labels. */
function ticks(found, y) {
  const bounds = [...new Set(found.map(({ high }) => high))].sort((a, b) => a - b);
  return bounds.reduce((chosen, bound) => (chosen.length && y(chosen.at(-1)) - y(bound) < 18 ? chosen : [...chosen, bound]), []);
}

/** The scheme "Blues": what is seldom is near the background, in dark themes as in light ones. */
function color(share, panel, theme) {
  const strength = share ** (panel.options.color?.exponent ?? 0.5);
  return theme.isDark ? `hsl(${205 + 15 * strength}, 65%, ${15 + 60 * strength}%)` : `hsl(${205 + 15 * strength}, 70%, ${90 - 60 * strength}%)`;
}
