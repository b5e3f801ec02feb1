// Annotations, after Grafana's behaviour: its own code for them isn't published. Neighbouring samples make a region.

import { colorManipulator } from '@grafana/data';

import { duration, hastened } from './prometheus.js';
import { interpolate } from './variables.js';

/** The regions of a dashboard's enabled annotations. */
export async function load(board) {
  const lists = board.dashboard.annotations.list.filter((list) => list.enable && !list.builtIn && list.expr);
  const found = await Promise.all(lists.map((list) => regions(list, board)));
  return found.flat();
}

async function regions(list, board) {
  const step = Math.max(duration(list.step ?? '60s') / board.tempo, board.scrape);
  const query = interpolate(hastened(list.expr, board.tempo), board.context, 'query');
  const color = board.theme.visualization.getColorByName(list.iconColor);
  const series = await board.source.range(query, step);
  return series.flatMap(({ values = [] }) => {
    const own = [];
    for (const [seconds, value] of values) {
      const time = seconds * 1000;
      const last = own.at(-1);
      if (Number(value) < 1) continue;
      if (last && time <= last.end + step) last.end = time;
      else own.push({ start: time, end: time, color, filter: list.filter });
    }
    return own;
  });
}

/** Those that a panel shows. */
export function shownIn(panel, annotations) {
  return annotations.filter(({ filter }) => !filter?.ids?.length || filter.ids.includes(panel.id) !== Boolean(filter.exclude));
}

/** Draws them into a graph. */
export function annotate(plot, annotations) {
  const { ctx, bbox } = plot;
  const mark = 5 * devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height + mark);
  ctx.clip();
  ctx.lineWidth = 2;
  ctx.setLineDash([5, 5]);
  for (const { start, end, color } of annotations) {
    const [left, right] = [start, end].map((time) => plot.valToPos(time, 'x', true));
    ctx.strokeStyle = color;
    for (const x of new Set([left, right])) {
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.fillStyle = colorManipulator.alpha(color, 0.1);
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
    ctx.fillStyle = color;
    ctx.fillRect(left, bbox.top + bbox.height, right - left, mark);
  }
  ctx.restore();
}
