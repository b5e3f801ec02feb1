// A dashboard's frame: caption, variables, links, and the panels on Grafana's grid. The frame is imitated; each panel's own is Grafana's.

import { ErrorBoundary, PanelChrome } from '@grafana/ui';
import { useEffect, useState } from 'react';

import { load } from './frames.js';
import { Heatmap } from './heatmap.jsx';
import { Bars, Graph, Stat, Table, Text } from './panels.jsx';
import { Timeline } from './timeline.jsx';
import { interpolate, picked, repeated } from './variables.js';

const KINDS = { bargauge: Bars, heatmap: Heatmap, stat: Stat, 'state-timeline': Timeline, table: Table, text: Text, timeseries: Graph };
// Grafana's grid.
const COLUMNS = 24;
const CELL = 30;
const GAP = 8;
const MARGIN = 16;

/** The panels with their places, from top to bottom. Rows are opened, and repeated panels take more room. */
function layout(dashboard, variables) {
  const panels = dashboard.panels.flatMap((panel) => (panel.collapsed ? [panel, ...panel.panels] : [panel]));
  const placed = [];
  let down = 0;
  for (const panel of panels) {
    const { x, y, w, h } = panel.gridPos;
    if (!panel.repeat) {
      placed.push({ panel, scoped: {}, x, y: y + down, w, h });
      continue;
    }
    const values = repeated(variables.get(panel.repeat));
    const across = panel.repeatDirection === 'v' ? 1 : Math.min(panel.maxPerRow ?? 4, values.length);
    const width = panel.repeatDirection === 'v' ? w : COLUMNS / across;
    values.forEach((value, i) => {
      const place = { x: panel.repeatDirection === 'v' ? x : (i % across) * width, y: y + down + Math.floor(i / across) * h, w: width, h };
      placed.push({ panel, scoped: { [panel.repeat]: value }, ...place });
    });
    down += (Math.ceil(values.length / across) - 1) * h;
  }
  return opened(placed);
}

/** In a file, the panels of a closed row lie over those of the next row. Moves down what an opened row pushes. */
function opened(placed) {
  let down = 0;
  let bottom = 0;
  return placed.map((place) => {
    if (place.panel.type === 'row') down = Math.max(down, bottom - place.y);
    const moved = { ...place, y: place.y + down };
    bottom = Math.max(bottom, moved.y + moved.h);
    return moved;
  });
}

export function Board({ board, onLoaded }) {
  const places = layout(board.dashboard, board.context.variables);
  const column = (board.width - 2 * MARGIN + GAP) / COLUMNS;
  const height = Math.max(...places.map(({ y, h }) => y + h)) * (CELL + GAP);
  const { colors, typography } = board.theme;
  const style = { width: board.width, padding: MARGIN, background: colors.background.canvas, color: colors.text.primary, fontFamily: typography.fontFamily };
  return (
    <div style={style}>
      <Caption board={board} />
      <Controls board={board} />
      <div style={{ position: 'relative', height }}>
        {places.map(({ panel, scoped, x, y, w, h }) => {
          const place = { left: x * column, top: y * (CELL + GAP), width: w * column - GAP, height: h * (CELL + GAP) - GAP };
          const key = `${panel.id} ${JSON.stringify(scoped)}`;
          return (
            <div key={key} style={{ position: 'absolute', ...place }}>
              {panel.type === 'row' ? <Row title={interpolate(panel.title, board.context, 'text')} /> : (
                <Panel panel={panel} scoped={scoped} board={board} width={place.width} height={place.height} onLoaded={onLoaded} />
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function Caption({ board }) {
  const style = { display: 'flex', flexWrap: 'wrap', justifyContent: 'space-between', columnGap: 24, marginBottom: 10, fontSize: 14, color: board.theme.colors.text.secondary };
  return (
    <div style={style}>
      <b style={{ color: board.theme.colors.text.primary }}>{board.dashboard.title}</b>
      <span>{board.caption}</span>
    </div>
  );
}

const Row = ({ title }) => <div style={{ height: '100%', display: 'flex', alignItems: 'center', fontSize: 18, fontWeight: 500 }}>⌄ {title}</div>;

function Controls({ board }) {
  const { colors } = board.theme;
  const pickers = [...board.context.variables.values()].map(picked).filter(Boolean);
  const box = { display: 'inline-flex', alignItems: 'center', height: 32, border: `1px solid ${colors.border.weak}`, borderRadius: 2, fontSize: 14 };
  const links = board.dashboard.links ?? [];
  const annotations = board.dashboard.annotations.list.filter(({ builtIn, hide }) => !builtIn && !hide);
  return (
    <div style={{ display: 'flex', flexWrap: 'wrap', gap: 8, marginBottom: 8 }}>
      {pickers.map(({ label, value }) => (
        <div key={label} style={box}>
          <span style={{ padding: '0 8px', fontSize: 12, fontWeight: 500 }}>{label}</span>
          <span style={{ padding: '0 8px' }}>{value} ⌄</span>
        </div>
      ))}
      {annotations.map(({ name, enable }) => <div key={name} style={{ ...box, border: 'none', fontSize: 12 }}>{name} {enable ? '◉' : '○'}</div>)}
      <span style={{ flex: 1 }} />
      {links.map(({ title }) => <div key={title} style={{ ...box, padding: '0 8px', fontSize: 12 }}>{title}</div>)}
    </div>
  );
}

function Panel({ panel, scoped, board, width, height, onLoaded }) {
  const [loaded, setLoaded] = useState(null);
  const [failure, setFailure] = useState(null);
  useEffect(() => {
    load(panel, board, scoped, width).then(setLoaded, (error) => setFailure(String(error))).finally(onLoaded);
  }, []);
  const title = interpolate(panel.title, { ...board.context, scoped }, 'text');
  const Kind = KINDS[panel.type];
  const content = (inner) => {
    if (failure) return <div data-failure>{failure}</div>;
    if (!Kind) return <div data-failure>{`${panel.type} can't be drawn`}</div>;
    return loaded && <Kind panel={panel} loaded={loaded} board={board} {...inner} />;
  };
  return (
    <div data-panel={title} data-kind={panel.type} style={{ width, height }}>
      <PanelChrome title={title} description={panel.description} width={width} height={height} padding={panel.type === 'table' ? 'none' : 'md'}>
        {(width, height) => (
          <div data-content style={{ width, height }}>
            <ErrorBoundary>
              {({ error }) => (error ? <div data-failure>{String(error)}</div> : content({ width, height }))}
            </ErrorBoundary>
          </div>
        )}
      </PanelChrome>
    </div>
  );
}
