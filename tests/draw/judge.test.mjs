// Each complaint of judge.mjs, shown with facts that deserve it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { complaints } from './judge.mjs';

const text = (words, more = {}) => ({ text: words, size: 12, cut: null, ...more });
const box = (more = {}) => ({ value: '0', text: 'Lost', color: '#d55e00', expectedText: 'Lost', expectedColor: '#d55e00', ...more });
const panel = (more = {}) => ({ title: 'MAPS', kind: 'stat', failure: null, isEmpty: false, texts: [text('Lost')], outside: [], columns: [], rows: [], total: null, cutRows: 0, boxes: [], ...more });
const timeline = (more) => panel({ kind: 'state-timeline', ...more });
const facts = (one, more = {}) => ({ panels: [one], frame: [], pageWidth: 1280, width: 1280, ...more });

const check = (name, given, expected, picture = { dashboard: 'defender-endpoint', state: 'healthy' }) =>
  test(name, () => assert.deepEqual(complaints(given, picture), expected.map((what) => `${picture.dashboard}, ${picture.state}, 1280 px: ${what}`)));

check('nothing is wrong', facts(panel()), []);
check('a small label', facts(panel({ texts: [text('direct', { size: 5.2 })] })), ['"MAPS": "direct" is 5.2 px high']);
check('a cut text', facts(panel({ texts: [text('Ask for', { cut: 'at the side' })] })), ['"MAPS": "Ask for" is cut off at the side']);
check('cut texts', facts(panel({ texts: [text('a', { cut: 'below' }), text('b', { cut: 'below' })] })), ['"MAPS": "a" is cut off below (with 1 more)']);
for (const words of ['NaN', 'undefined s', 'No data', '-∞+', '${scheme}']) {
  check(words, facts(panel({ texts: [text(words)] })), [`"MAPS": says "${words}"`]);
}
check('a fault of the frame', facts(panel(), { frame: [text('undefined')] }), ['frame: says "undefined"']);
check('a wide page', facts(panel(), { pageWidth: 1300 }), ['the page is 1300 px wide']);
check('an empty panel', facts(panel({ isEmpty: true })), ['"MAPS": shows nothing']);
check('a failed query', facts(panel({ failure: 'parse error' })), ['"MAPS": failed: parse error']);
check('a text outside', facts(panel({ outside: ['far'] })), ['"MAPS": "far" lies outside the panel']);
check('a column off screen', facts(panel({ columns: [{ title: '3: both', isInside: false }] })), ['"MAPS": the column "3: both" is cut off']);
check('a threshold for a word', facts(timeline({ boxes: [box({ text: '0+' })] })), ['"MAPS": 0 is shown as "0+", not as "Lost"']);
check('another colour', facts(timeline({ boxes: [box({ color: '#0000ff' })] })), ['"MAPS": "Lost" is #0000ff, not #d55e00']);
check('a value without word', facts(timeline({ boxes: [box(), box({ value: '2', text: '2', expectedText: null, expectedColor: null })] })),
  ['"MAPS": no mapping has a word for 2']);
check('a word that nobody reads', facts(timeline({ texts: [text('direct')], boxes: [box()] })), ['"MAPS": no text and no legend says "Lost"']);
check('a number that a narrow box has no room for', facts(timeline({ texts: [text('direct')], boxes: [box({ value: '4', text: '4', expectedText: '4' })] })), []);
check('a state without its words', facts(timeline({ boxes: [box()] })), ['no timeline says Connected'],
  { dashboard: 'defender-overview', state: 'one-route' });
check('Lost without an exporter', facts(timeline({ texts: [text('Connected'), text('Exporter down')],
  boxes: [box({ value: '1', text: 'Connected', expectedText: 'Connected' }), box({ value: '-2', text: 'Exporter down', expectedText: 'Exporter down' })] })), [],
  { dashboard: 'defender-fleet', state: 'exporter-down' });
check('a faint text', facts(panel({ texts: [text('503', { contrast: 1.8 })] })), ['"MAPS": "503" is faint: contrast 1.8']);
check('a hole while the exporter is down', facts(timeline({ boxes: [box()] })), ['"MAPS": no box says that the exporter is down'],
  { dashboard: 'defender-endpoint', state: 'exporter-down' });
check('a name in two lines', facts(panel({ texts: [text('defender-oslo.example', { isTorn: true })] })), ['"MAPS": "defender-oslo.example" breaks at a hyphen']);
check('no answer', facts(timeline({ texts: [text('Lost')], boxes: [box()] })), ['no timeline says No answer'],
  { dashboard: 'defender-endpoint', state: 'blocked' });
const tile = (words, behind) => facts(panel({ title: 'Signatures stale in: 1 instance', texts: [text(words, { behind })] }));
const blocked = { dashboard: 'defender-fleet-tile', state: 'blocked' };
const said = (words, behind) => facts(panel({ title: 'Signatures stale in: 1 instance',
  texts: [text('stale in 7 days', { behind }), text(words, { behind })] }));
check('a tile that is yellow', said('No update source', '#fade2a'), [], blocked);
check('a tile that is calm', said('No update source', '#1f60c4'),
  ['stale in 7 days', 'No update source'].map((words) => `"Signatures stale in: 1 instance": "${words}" looks as if all were well`), blocked);
check('a tile that says too little', tile('stale in 7 days', '#fade2a'), ['"Signatures stale in: 1 instance": doesn\'t say "No update source"'], blocked);
const counted = (...lines) => facts(panel({ title: 'Instances with firing alerts', texts: lines.map((line) => text(line)) }));
const fleet = (alerts) => ({ ...alerts, panels: [...alerts.panels,
  panel({ title: 'Instances that lose MAPS', texts: ['via every route: 24 of 60', 'via some routes: 12 of 60', 'unknown: 12 of 60'].map((line) => text(line)) }),
  panel({ title: 'Exporters down', texts: [text('12 of 60 exporters')] })] });
check('counts that agree', fleet(counted('critical: 36 of 60', 'lost or down, no critical alert: 12 of 60', 'warning: 36 of 60')), []);
check('counts that differ', fleet(counted('critical: 36 of 60', 'warning: 36 of 60')),
  ['36 instances with a critical alert or without one yet, but 48 lose MAPS or are down']);
check('a long page', facts(panel(), { height: 8900 }), ['the page is 8900 px long, more than 8000']);
const rows = (...first) => facts(panel({ kind: 'table', rows: first.map((cell) => [cell, 'direct']) }));
check('the worst first', rows('Lost', 'Exporter down', 'Down', 'Partly lost', 'Connected'), []);
check('causes, the worst first', rows('MAPS and updates lost', 'MAPS lost via every route, updates via some', 'Exporter down', 'MAPS lost via 1 of 2 routes, updates too'), []);
check('a cause behind an exporter that is down', facts(panel({ kind: 'table', columns: [{ title: 'What to change', isInside: true }],
  rows: [['Exporter down'], ['MAPS and updates lost']] })), ['"MAPS": what is lost stands behind an exporter that is down']);
check('a cut row', facts(panel({ kind: 'table', cutRows: 2 })), ['"MAPS": 2 rows are cut off or hidden']);
check('an exporter that is down last', rows('Lost', 'Partly lost', 'Exporter down'), ['"MAPS": an exporter that is down stands behind one that is up']);
check('an exporter that is down before what is lost', rows('Exporter down', 'Lost'), ['"MAPS": what is lost stands behind an exporter that is down']);
check('causes before an exporter that is down', facts(panel({ kind: 'table', columns: [{ title: 'What to change', isInside: true }],
  rows: [['TLS is inspected'], ['Exporter down']] })), []);
check('equal causes that are many rows', facts(panel({ title: 'Where MAPS is lost, why, and what to change', kind: 'table', rows: Array(36).fill(['Lost']) })),
  ['"Where MAPS is lost, why, and what to change": has 36 rows, not 4'], { dashboard: 'defender-endpoint', state: 'sixty-sites' });
check('remedies on another page', facts(panel({ title: 'Causes of failures at all instances', kind: 'table', total: 4, rows: Array(3).fill(['Lost']) })),
  ['"Causes of failures at all instances": shows 3 of 4 remedies'], { dashboard: 'defender-endpoint', state: 'all-sites' });
check('rows on several pages', facts(panel({ title: 'Instances, the worst first', kind: 'table', total: 60, rows: Array(9).fill(['Lost']) })), [],
  { dashboard: 'defender-endpoint', state: 'sixty-sites' });
check('clusters that are one row', facts(panel({ title: 'Instances, the worst first', kind: 'table', rows: [['Scraped']] })),
  ['"Instances, the worst first": has 1 rows, not 2'], { dashboard: 'defender-endpoint', state: 'two-clusters' });
