// Reads from the page what judge.mjs judges: every text with its size and whether it is cut off, columns, timelines, failures.

const TOLERANCE = 1.5; // pixels; layouts round

/** Keeps what is written on canvases: graphs write the labels of their axes there. */
export function recordCanvasTexts() {
  const { fillText } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.fillText = function record(text, ...place) {
    const scale = this.canvas.clientWidth ? this.canvas.width / this.canvas.clientWidth : 1;
    const size = Number.parseFloat(/([\d.]+)px/.exec(this.font)?.[1]) / scale;
    (this.canvas.recorded ??= new Map()).set(text, size);
    return fillText.call(this, text, ...place);
  };
}

/** What there is to judge. */
export function facts(width) {
  const panels = [...document.querySelectorAll('[data-panel]')].map(panel);
  const frame = texts(document.getElementById('root')).filter(({ element }) => !element.closest('[data-panel]')).map(plain);
  return { panels, frame, pageWidth: document.documentElement.scrollWidth, width };
}

function panel(element) {
  return {
    title: element.dataset.panel,
    kind: element.dataset.kind,
    failure: element.querySelector('[data-failure]')?.textContent ?? null,
    texts: [...texts(element).map(plain), ...canvasTexts(element)],
    isEmpty: isEmpty(element),
    outside: outside(element),
    columns: [...element.querySelectorAll('[role=columnheader]')].map((header) => column(header)),
    rows: [...element.querySelectorAll('[role=row]')].map(cells).filter((row) => row.length > 0),
    total: total(element),
    cutRows: cutRows(element),
    boxes: [...element.querySelectorAll('[data-value]')].map(({ dataset }) => ({
      value: dataset.value, text: dataset.text, color: dataset.color,
      expectedText: dataset.expectedText ?? null, expectedColor: dataset.expectedColor ?? null,
    })),
  };
}

/** Whether a panel shows no text but its title. */
export const isEmpty = (element) => texts(element.querySelector('[data-content]')).length + canvasTexts(element).length === 0;

const plain = ({ text, size, cut, contrast, behind, isTorn }) => ({ text, size, cut, contrast, behind, isTorn });

/** How many rows a table says that it has in all its pages; null if it has no pages. */
function total(element) {
  const said = / of (\d+) rows/.exec(element.textContent);
  return said && Number(said[1]);
}

/** Below the text of a cell. */
const PADDING = 8;

/** How many rows of a table's page aren't wholly seen. */
function cutRows(element) {
  const grid = element.querySelector('[role=grid]');
  if (!grid) return 0;
  const { bottom } = grid.getBoundingClientRect();
  // Rows have no box of their own.
  const firsts = [...grid.querySelectorAll('[role=row]')].map((row) => row.querySelector('[role=gridcell]')).filter(Boolean);
  return firsts.filter((cell) => cell.getBoundingClientRect().bottom - PADDING > bottom).length;
}

const cells = (row) => [...row.querySelectorAll('[role=gridcell]')].map((cell) => cell.textContent.trim());

/** The visible texts of an element. */
function texts(element) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const text = node.textContent.trim();
    if (!text || !isVisible(node.parentElement)) continue;
    const { fontSize } = getComputedStyle(node.parentElement);
    found.push({
      element: node.parentElement,
      text,
      size: Number.parseFloat(fontSize),
      cut: cutBy(essential(node), node.parentElement, element),
      contrast: contrast(node.parentElement),
      behind: hex(behind(node.parentElement)),
      isTorn: isTorn(node),
    });
  }
  return found;
}

/** Red, green, blue and alpha of a colour in CSS. */
function channels(color) {
  const [red, green, blue, alpha = 1] = color.match(/[\d.]+/g).map(Number);
  return { red, green, blue, alpha };
}

/** What is seen through a translucent colour. */
function over(front, back) {
  const mix = (channel) => front[channel] * front.alpha + back[channel] * (1 - front.alpha);
  return { red: mix('red'), green: mix('green'), blue: mix('blue'), alpha: front.alpha + back.alpha * (1 - front.alpha) };
}

/** The luminance of a colour, as WCAG defines it. */
function luminance({ red, green, blue }) {
  const [r, g, b] = [red, green, blue].map((value) => value / 255).map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Whether a line of the text ends at a hyphen. */
function isTorn(node) {
  const top = (at) => {
    const range = document.createRange();
    range.setStart(node, at);
    range.setEnd(node, at + 1);
    return range.getBoundingClientRect().top;
  };
  const hyphens = [...node.data.matchAll(/[a-z]-(?=[a-z0-9])/g)].map(({ index }) => index + 1);
  return hyphens.some((at) => top(at + 1) > top(at) + TOLERANCE);
}

/** The colour behind an element; null if that is an image. */
function behind(element) {
  const layers = [];
  for (let around = element; around; around = around.parentElement) {
    const { backgroundColor, backgroundImage } = getComputedStyle(around);
    if (backgroundImage !== 'none') return null;
    layers.unshift(channels(backgroundColor));
  }
  return layers.reduce((back, front) => over(front, back), { red: 255, green: 255, blue: 255, alpha: 1 });
}

const hex = (color) => color && `#${[color.red, color.green, color.blue].map((value) => Math.round(value).toString(16).padStart(2, '0')).join('')}`;

/** The contrast between a text and what is behind it; null if that is an image. */
function contrast(element) {
  const back = behind(element);
  if (!back) return null;
  const shades = [over(channels(getComputedStyle(element).color), back), back].map(luminance).sort((a, b) => b - a);
  return (shades[0] + 0.05) / (shades[1] + 0.05);
}

/** Where the part of a text is that must be seen. Of a URL in a table that is its host: browsers don't wrap URLs. */
function essential(node) {
  const range = document.createRange();
  range.selectNodeContents(node);
  const host = node.parentElement.closest('[role=gridcell]') && /^https?:\/\/[^/]+/.exec(node.textContent);
  if (host) range.setEnd(node, host[0].length);
  return range.getBoundingClientRect();
}

function isVisible(element) {
  const { width, height } = element.getBoundingClientRect();
  const forReaders = element.closest('.sr-only, [aria-hidden=true] title, style, script');
  return !forReaders && width > 1 && height > 1 && element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
}

/** How a text is cut off by an element around it, up to the panel: at the side, or below where that doesn't scroll; a legend must not
 * scroll. Null if it isn't. */
function cutBy(text, element, limit) {
  for (let around = element; around && limit.contains(around); around = around.parentElement) {
    const { overflowX, overflowY } = getComputedStyle(around);
    const box = around.getBoundingClientRect();
    const isWide = text.right > box.right + TOLERANCE || text.left < box.left - TOLERANCE;
    if (overflowX !== 'visible' && isWide) return 'at the side';
    const isTall = text.bottom > box.bottom + TOLERANCE || text.top < box.top - TOLERANCE;
    const isLegend = element.closest('[data-testid^="data-testid VizLegend series"]') !== null;
    if ((overflowY === 'hidden' || overflowY === 'clip' || (isLegend && overflowY !== 'visible')) && isTall) return 'below';
    if (overflowY === 'auto' || overflowY === 'scroll') return null; // reached by scrolling down
  }
  return null;
}

function canvasTexts(element) {
  return [...element.querySelectorAll('canvas')].flatMap((canvas) =>
    [...(canvas.recorded ?? [])].map(([text, size]) => ({ text, size, cut: null })));
}

/** The texts that are seen beside their panel. */
function outside(element) {
  const box = element.getBoundingClientRect();
  const beside = texts(element).filter(({ element: inner, cut }) => {
    const { left, right } = inner.getBoundingClientRect();
    return !cut && (left < box.left - TOLERANCE || right > box.right + TOLERANCE);
  });
  return [...new Set(beside.map(({ text }) => text))];
}

/** A table's column: whether it lies within what is seen of the table, and whether its heading is whole. */
function column(header) {
  const grid = header.closest('[role=grid]').getBoundingClientRect();
  const { left, right } = header.getBoundingClientRect();
  return { title: header.textContent.trim(), isInside: left >= grid.left - TOLERANCE && right <= grid.right + TOLERANCE };
}
