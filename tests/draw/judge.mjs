// Judges what page/facts.js read: pure, so that judge.test.mjs can show each complaint.

/** The smallest text that a person reads without zooming. */
const SMALLEST = 11;
/** The least contrast between a text and what is behind it: WCAG's for large texts and what is no text. */
const FAINTEST = 3;
/** How tables and timelines say that an exporter is down. */
const DOWN = /^(Exporter down|Down)$/;
/** What stands before an exporter that is down, if it is the first state of a row, and the states that there are. */
const LOST = /^(Lost|Outdated|Failing|Failed)$|^MAPS validation fails on this machine$|^(MAPS|Updates)[a-z ]* lost( via every route.*)?$/;
const STATE = /^(Lost|Outdated|Failing|Failed|Partly lost|Exporter down|No result|Connected|Available|Reachable|Read|Old content)$|^(MAPS|Updates)[a-z ]* lost|^MAPS validation|another (source )?works$|^Neither/;
/** What stands for itself in a timeline, also where no legend has it. */
const NUMBER = /^[0-9.]+(%| partly| down)?$/;
/** What only a fault prints. */
const FAULTS = [/\bNaN\b/, /\bundefined\b/, /\bInfinity\b/, /∞/, /\[object /, /\bNo data\b/, /\$\{|\$__/];

/** The longest page: a dashboard is read, not searched. */
const TALLEST = 8000;

/** The colours, in each theme, of what works. */
const GOOD = new Set(['#1f60c4', '#3274d9']);

/** The tiles that are nowhere in these colours in a state: something is lost, or nothing is known. */
const UNEASY = {
  'exporter-down': /^(MAPS|Update sources|Signatures stale in|Endpoints failing|Exporter|Endpoints by their TLS|Now)/,
  'all-sites': /^(MAPS|Update sources|Signatures stale in|Endpoints failing|Exporter|Endpoints by their TLS)/,
  'two-clusters': /^(MAPS|Update sources|Signatures stale in)/,
  blocked: /^(MAPS|Update sources|Signatures stale in|Endpoints by their TLS|Now)/,
};

/** What panels say in a state. */
const SAYS = {
  'all-sites': {
    'MAPS: worst of 5 instances': ['Lost', '2 of 5 instances, 1 partly, 1 unknown'],
    'Update sources: worst of 5 instances': ['Lost', 'Microsoft Update: 1 of 5 instances, 1 partly, 1 unknown'],
    'Endpoints failing: worst of 5 instances': [
      'via every route: 30 of 30 at 1 instance, fewer at 1, unknown at 1 instance',
      'via some routes: 30 of 30 at 1 instance, unknown at 1 instance',
    ],
    'Exporter: worst of 5 instances': ['Down', '1 of 5'],
    'Exporters down': ['1 of 5 exporters'],
    'Instances with firing alerts': ['critical: 4 of 5'],
    'Instances whose signatures turn stale': ['without a source: 1 of 5', 'unknown: 1 of 5'],
    'What is wrong, and what to change': ['MAPS and updates lost', 'MAPS lost', 'Exporter down', 'MAPS lost via 1 of 2 routes, updates too'],
    'Where MAPS is lost, why, and what to change': ['MAPS and updates lost', 'MAPS lost', 'Exporter down', 'MAPS lost via 1 of 2 routes, updates too'],
  },
  'two-clusters': {
    'MAPS: worst of 2 instances': ['Lost', '1 of 2 instances'],
    'Signatures stale in: worst of 2 instances': ['No update source', '1 of 2 instances, us-1 defender-exporter stale in 7 days'],
  },
  'company-sources': {
    'MAPS: 1 instance': ['Connected', 'on this machine', 'Validation fails'],
    'Instances that lose MAPS': ['own validation fails: 1 of 1'],
    'Update sources: 1 instance': ['Available', 'Lost', 'Outdated, unused'],
    'Update sources by route': ['Available', 'Lost', 'Outdated, unused'],
    'Update sources over time: 1 instance': ['Outdated'],
    'Whether each component works: 1 instance': ['Outdated'],
    'Components by instance': ['Outdated'],
    'What is wrong, and what to change': ['MAPS validation fails on this machine', 'Microsoft Connected Cache lost, another source works', 'File share outdated, another source works'],
    'Where MAPS is lost, why, and what to change': ['MAPS validation fails on this machine'],
    'Availability of the last 30 days': ['99.87%', '45.00%'],
    'Update sources: what the machine uses, and what is listed (Windows)': ['Differs'],
  },
  'one-route': {
    'MAPS: 1 instance': ['Partly lost', '1 of 2 routes lost'],
    'What is wrong, and what to change': ['MAPS lost via 1 of 2 routes, updates too'],
  },
  inspected: {
    'What is wrong, and what to change': ['MAPS lost'],
    'What this endpoint is for': ['Lost'],
    'What the failures share: 1 instance': ['4 failing endpoints via direct share the certificate issuer O=Lab, CN=Lab Inspection CA'],
    'Revocation over time': ['Unchecked'],
  },
  blocked: {
    'Signatures stale in: 1 instance': ['No update source', 'stale in 7 days'],
    'Addresses from DNS': ['Not resolved'],
    'What is wrong, and what to change': ['MAPS and updates lost'],
  },
  'exporter-down': {
    'MAPS: 1 instance': ['Exporter down', 'nothing known'],
    'Endpoints by their TLS: 1 instance': ['Exporter down'],
    'Share of the known time in which each component worked: 1 instance': ['Unknown'],
    'Share of the known time in which MAPS worked, for the worst route': ['Unknown'],
    'What this endpoint is for': ['Exporter down'],
  },
};

/** The words that the timelines of a dashboard must have in a state, whichever panel has them: first all was well, then not. */
const WORDS = {
  'defender-overview': { healthy: ['Connected'], default: ['Connected', 'Lost'] },
  'defender-endpoint': { healthy: [], blocked: ['No answer'], inspected: ['Inspected'], default: [] },
  'defender-fleet': { healthy: ['Connected'], 'company-sources': ['Connected'], 'one-route': ['Connected', 'Partly lost'], default: ['Connected', 'Lost'] },
};
/** After the end of the exporter nobody knows that MAPS is lost. */
const UNSEEN = new Set(['exporter-down']);

/** How many rows a table must have in a state: instances that aren't told apart would be one, equal causes that aren't folded many. */
const ROWS = {
  'all-sites': { 'Instances, the worst first': 5, 'Targets of /probe': 4 },
  'two-clusters': { 'Instances, the worst first': 2 },
  'sixty-sites': { 'Instances, the worst first': 60, 'Where MAPS is lost, why, and what to change': 4, 'Causes of failures at all instances': 4 },
};

/** The tables that show all of their rows on the first page: each row has a remedy of its own. */
const WHOLE = new Set(['Where MAPS is lost, why, and what to change', 'What is wrong, and what to change', 'Causes of failures at all instances',
  'Why it fails, and what to change']);

/** What is wrong with a picture. Each complaint names dashboard, panel, state and width. */
export function complaints({ panels, frame, pageWidth, height: pageHeight = 0, width }, { dashboard, state }) {
  const found = [];
  if (pageWidth > width) found.push(`the page is ${pageWidth} px wide`);
  found.push(...[...frame.flatMap(ofText), ...cutOff(frame)].map((what) => `frame: ${what}`));
  for (const panel of panels) found.push(...[...ofPanel(panel), ...ofUnseen(panel, state), ...ofTile(panel, state)].map((what) => `"${panel.title}": ${what}`));
  found.push(...ofCounts(panels));
  if (pageHeight > TALLEST) found.push(`the page is ${pageHeight} px long, more than ${TALLEST}`);
  const words = new Set(panels.flatMap(({ boxes }) => boxes.map(({ text }) => text)));
  for (const word of expectedWords(dashboard, state)) {
    if (!words.has(word)) found.push(`no timeline says ${word}`);
  }
  return [...new Set(found)].map((what) => `${dashboard}, ${state}, ${width} px: ${what}`);
}

function expectedWords(dashboard, state) {
  const words = WORDS[dashboard];
  if (!words) return [];
  return UNSEEN.has(state) ? words.healthy : (words[state] ?? words.default);
}

/** What is lost comes first, then an exporter that is down, since nothing is known there. That is no hole in a timeline; each has a row of
 * its own. */
function ofUnseen({ title, kind, rows, total, boxes, columns }, state) {
  const isDown = rows.map((row) => row.some((cell) => DOWN.test(cell)));
  const isLost = rows.map((row) => LOST.test(row.find((cell) => STATE.test(cell)) ?? ''));
  const areCauses = columns.some(({ title }) => title === 'What to change' || title === 'Reason');
  const isOther = rows.map((row, i) => !areCauses && !isDown[i] && !row.some((cell) => LOST.test(cell)));
  const isLate = isOther.includes(true) && isDown.lastIndexOf(true) > isOther.indexOf(true);
  const isLostLate = isDown.includes(true) && isLost.lastIndexOf(true) > isDown.indexOf(true);
  const found = total ?? rows.length;
  const wanted = ROWS[state]?.[title] ?? found;
  const isHole = UNSEEN.has(state) && kind === 'state-timeline' && boxes.length > 0 && !boxes.some(({ text }) => DOWN.test(text));
  return [
    ...(found === wanted ? [] : [`has ${found} rows, not ${wanted}`]),
    ...(WHOLE.has(title) && rows.length < found ? [`shows ${rows.length} of ${found} remedies`] : []),
    ...(isLate ? ['an exporter that is down stands behind one that is up'] : []),
    ...(isLostLate ? ['what is lost stands behind an exporter that is down'] : []),
    ...(isHole ? ['no box says that the exporter is down'] : []),
  ];
}

/** Whether a tile says what it must, and is calm only where it may be. */
function ofTile({ title, kind, texts }, state) {
  const said = new Set(texts.map(({ text }) => text));
  const missing = (SAYS[state]?.[title] ?? []).filter((text) => !said.has(text));
  const calm = kind === 'stat' && UNEASY[state]?.test(title) ? texts.filter(({ behind }) => GOOD.has(behind)) : [];
  return [...missing.map((text) => `doesn't say "${text}"`), ...calm.map(({ text }) => `"${text}" looks as if all were well`)];
}

/** The numbers of a tile's lines, by what the line is about. */
function counts(panels, title) {
  const lines = panels.find((panel) => panel.title === title)?.texts ?? [];
  const found = lines.map(({ text }) => /^(?:(.+): )?([0-9]+) of [0-9]+/.exec(text)).filter(Boolean);
  return Object.fromEntries(found.map(([, name = '', number]) => [name, Number(number)]));
}

/** Whether each instance that loses MAPS, or whose exporter is down, is among those with a critical alert or among those without one. */
function ofCounts(panels) {
  const alerts = counts(panels, 'Instances with firing alerts');
  if (!('critical' in alerts)) return [];
  const maps = counts(panels, 'Instances that lose MAPS');
  const lost = (maps['via every route'] ?? 0) + (maps['via some routes'] ?? 0) + (counts(panels, 'Exporters down')[''] ?? 0);
  const alerted = alerts.critical + (alerts['lost or down, no critical alert'] ?? 0);
  return alerted === lost ? [] : [`${alerted} instances with a critical alert or without one yet, but ${lost} lose MAPS or are down`];
}

function ofPanel({ kind, failure, isEmpty, texts, outside, columns, cutRows, boxes }) {
  return [
    ...(failure ? [`failed: ${failure}`] : []),
    ...(isEmpty ? ['shows nothing'] : []),
    ...texts.flatMap(ofText),
    ...cutOff(texts),
    ...outside.map((text) => `"${text}" lies outside the panel`),
    ...columns.filter(({ isInside }) => !isInside).map(({ title }) => `the column "${title}" is cut off`),
    ...(cutRows ? [`${cutRows} rows are cut off or hidden`] : []),
    ...(kind === 'state-timeline' ? ofTimeline(boxes, texts) : []),
  ];
}

/** One complaint for all texts that are cut off in a panel: often every row has one. */
function cutOff(texts) {
  const cut = texts.filter((text) => text.cut);
  const more = cut.length > 1 ? ` (with ${cut.length - 1} more)` : '';
  return cut.slice(0, 1).map((text) => `"${text.text}" is cut off ${text.cut}${more}`);
}

function ofText({ text, size, contrast = null, isTorn = false }) {
  const fault = FAULTS.find((pattern) => pattern.test(text));
  return [
    ...(size < SMALLEST ? [`"${text}" is ${size} px high`] : []),
    ...(contrast !== null && contrast < FAINTEST ? [`"${text}" is faint: contrast ${contrast.toFixed(1)}`] : []),
    ...(fault ? [`says "${text}"`] : []),
    ...(isTorn ? [`"${text}" breaks at a hyphen`] : []),
  ];
}

/** Every value has the word and the colour of its mapping, and the word stands in the panel. */
function ofTimeline(boxes, texts) {
  const said = new Set(texts.map(({ text }) => text));
  const hasMappings = boxes.some(({ expectedText }) => expectedText !== null);
  return boxes.flatMap(({ value, text, color, expectedText, expectedColor }) => {
    if (hasMappings && expectedText === null) return [`no mapping has a word for ${value}`];
    if (expectedText !== null && text !== expectedText) return [`${value} is shown as "${text}", not as "${expectedText}"`];
    if (expectedColor !== null && color !== expectedColor) return [`"${text}" is ${color}, not ${expectedColor}`];
    return said.has(text) || NUMBER.test(text) ? [] : [`no text and no legend says "${text}"`];
  });
}
