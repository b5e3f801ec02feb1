// The page that draw.mjs opens: draws one dashboard and collects what can be read of it.

import '@fontsource/inter/400.css';
import '@fontsource/inter/500.css';
import '@fontsource/inter/600.css';
import '@fontsource/inter/700.css';
import '@fontsource/roboto-mono/400.css';
import 'uplot/dist/uPlot.min.css';

import { createTheme, dateTime, ThemeContext } from '@grafana/data';
import { GlobalStyles, PortalContainer } from '@grafana/ui';
import { createRoot } from 'react-dom/client';

import * as annotations from './annotations.js';
import { Board } from './board.jsx';
import { facts, isEmpty, recordCanvasTexts } from './facts.js';
import { source } from './prometheus.js';
import { resolve } from './variables.js';

recordCanvasTexts();

let root = null;

/** Draws a dashboard, and returns what is on it once nothing changes any more. */
window.draw = async ({ dashboard, caption, chosen, from, to, scrape, tempo, width, mode }) => {
  root?.unmount();
  Date.now = () => to; // "2 minutes ago" is told from the end of the time shown
  const theme = createTheme({ colors: { mode } });
  document.body.style.background = theme.colors.background.canvas;
  document.body.style.width = `${width}px`;
  const [start, end] = [dateTime(from), dateTime(to)];
  const prometheus = source({ from, to });
  const range = Math.round((to - from) / 1000);
  const builtin = { __range: `${range}s`, __range_s: range, __range_ms: to - from, __from: from, __to: to };
  const variables = await resolve(dashboard, prometheus, chosen, builtin);
  const board = {
    dashboard, caption, theme, from, to, scrape, tempo, width, source: prometheus,
    context: { variables, builtin },
    timeRange: { from: start, to: end, raw: { from: start, to: end } },
  };
  board.annotations = await annotations.load(board);
  await Promise.all([400, 500, 600, 700].map((weight) => document.fonts.load(`${weight} 14px Inter`)));
  let loaded = 0;
  root = createRoot(document.getElementById('root'));
  root.render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <PortalContainer />
      <Board board={board} onLoaded={() => { loaded += 1; }} />
    </ThemeContext.Provider>,
  );
  await settled(() => loaded > 0 && loaded >= document.querySelectorAll('[data-panel]').length);
  return { ...facts(width), height: Math.ceil(document.getElementById('root').getBoundingClientRect().height) };
};

/** Waits until the condition holds, and the page hasn't changed for a while: for longer while a panel is empty, since what is painted on
 * a canvas is no change of the page. */
function settled(condition) {
  const QUIET = 250;
  const PATIENCE = 5000;
  return new Promise((resolve) => {
    let changed = performance.now();
    const observer = new MutationObserver(() => { changed = performance.now(); });
    observer.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
    const look = () => {
      const quiet = performance.now() - changed;
      const isDrawn = () => ![...document.querySelectorAll('[data-panel]')].some(isEmpty);
      if (condition() && quiet > QUIET && (quiet > PATIENCE || isDrawn())) {
        observer.disconnect();
        resolve();
      } else {
        requestAnimationFrame(look);
      }
    };
    requestAnimationFrame(look);
  });
}
