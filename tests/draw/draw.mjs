// Draws the dashboards over a running Prometheus, and judges what they look like:
//
//     node draw.mjs [--from FOLDER] [--out FOLDER] [--dashboard NAME] [--state NAME] [--width PX] [--theme NAME] [--screens FOLDER] -- COMMAND...
//
// COMMAND starts the lab. It prints a line `lab: {JSON}` that says where Prometheus is and which instance is in which state, and keeps
// running until its standard input is closed. --screens keeps the first screen of each picture too, small enough for a document.

import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

import puppeteer from 'puppeteer-core';

import { bundle } from './build.mjs';
import { faulty, unnoticed } from './faulty.mjs';
import { complaints } from './judge.mjs';
import { serve } from './server.mjs';

const here = import.meta.dirname;
const DASHBOARDS = ['defender-overview', 'defender-endpoint', 'defender-fleet'];
const WIDTHS = [1280, 1920];
const THEMES = ['dark', 'light'];
/** Browser pages that draw at the same time. */
const PAGES = 2;
/** Grafana's height of a row of its grid. */
const ROW = 38;
/** Height of a screen by its width. */
const SCREEN = 10 / 16;
const TIMEOUT = 120_000;

const many = { type: 'string', multiple: true };
const { values: flags, positionals: command } = parseArgs({
  allowPositionals: true,
  options: {
    from: { type: 'string', default: path.join(here, '../../dashboards') },
    out: { type: 'string', default: path.join(here, '../../target/dashboards') },
    screens: { type: 'string' },
    chromium: { type: 'string', default: '/usr/bin/chromium' },
    dashboard: { ...many, default: DASHBOARDS },
    state: many,
    width: { ...many, default: WIDTHS.map(String) },
    theme: { ...many, default: THEMES },
  },
});

/** Starts the lab, and waits for its line. */
async function startLab() {
  const child = spawn(command[0], command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const lines = createInterface({ input: child.stdout });
  const lab = await new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      const said = /lab: (\{.*\})/.exec(line);
      if (said) resolve(JSON.parse(said[1]));
      else console.log(line);
    });
    ended.then((code) => reject(new Error(`the lab ended with ${code}`)));
  });
  return { ...lab, stop: () => { child.stdin.end(); return ended; } };
}

/** A dashboard in a state at a width, to be drawn in each theme. The first is one whose faults must be noticed. */
async function jobs(lab) {
  const { state, instances, job } = lab.states[0];
  const found = [{ dashboard: 'faulty', json: faulty, state, instances, job, width: WIDTHS[0], judge: missed, themes: [THEMES[0]] }];
  for (const dashboard of flags.dashboard) {
    const json = JSON.parse(await readFile(path.join(flags.from, `${dashboard}.json`)));
    for (const { state, instances, dashboards, job, scrape } of lab.states) {
      if ((flags.state && !flags.state.includes(state)) || (dashboards && !dashboards.includes(dashboard))) continue;
      for (const width of flags.width.map(Number)) found.push({ dashboard, json, state, instances, job, scrape, width, judge: (complaints) => complaints });
    }
  }
  return found;
}

const missed = (complaints) => unnoticed(complaints).map((panel) => `faulty: "${panel}" isn't noticed among: ${complaints.join('; ')}`);

/** Draws it, keeps the picture, and returns the complaints. */
async function draw(page, lab, version, { dashboard, json, state, instances, job, scrape = lab.scrape, width, judge }, mode) {
  const { from, to, tempo } = lab;
  const caption = `Drawn without Grafana, from its published components (@grafana/ui ${version}). ` +
    `State: ${state}, in the test lab, where an hour takes ${60 / tempo} min.`;
  const hasAll = json.templating.list.some((variable) => variable.name === 'instance' && variable.includeAll);
  const chosen = { job: [job], instance: hasAll && instances.length > 1 ? ['$__all'] : instances };
  const rows = Math.max(...json.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]).map(({ gridPos }) => gridPos.y + gridPos.h));
  await page.setViewport({ width, height: (rows + 30) * ROW });
  const facts = await page.evaluate((of) => window.draw(of), { dashboard: json, caption, chosen, from, to, scrape, tempo, width, mode });
  const name = [dashboard.replace('defender-', ''), state, width, mode].join('-');
  // Compressing a long picture well takes as long as drawing it.
  await page.screenshot({ path: path.join(flags.out, `${name}.png`), optimizeForSpeed: true, clip: { x: 0, y: 0, width, height: facts.height } });
  if (flags.screens && dashboard !== 'faulty') {
    const clip = { x: 0, y: 0, width, height: width * SCREEN };
    await page.screenshot({ path: path.join(flags.screens, `${name}.webp`), clip, type: 'webp', quality: 80 });
  }
  return judge(complaints(facts, { dashboard, state }));
}

/** Takes one job after the other, and returns the complaints about each picture. */
async function work(browser, url, lab, version, queue) {
  const done = [];
  // In a window of its own: Chromium draws no frames of a tab behind another.
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error));
  await page.goto(url);
  for (let job = queue.shift(); job; job = queue.shift()) {
    for (const mode of job.themes ?? flags.theme) {
      const found = await draw(page, lab, version, job, mode).catch(async (error) => {
        await page.goto(url);
        return [`${job.dashboard}, ${job.state}, ${job.width} px: not drawn: ${error}`];
      });
      done.push([...found, ...errors.splice(0).map((error) => `${job.dashboard}, ${job.state}, ${job.width} px: ${error}`)]);
    }
  }
  await context.close();
  return done;
}

async function main() {
  const built = await mkdtemp(path.join(os.tmpdir(), 'draw-'));
  await mkdir(flags.out, { recursive: true });
  const [, lab] = await Promise.all([bundle(built), startLab()]);
  const { version } = JSON.parse(await readFile(path.join(here, 'node_modules/@grafana/ui/package.json')));
  const server = await serve(built, lab.prometheus);
  const browser = await puppeteer.launch({
    executablePath: flags.chromium,
    protocolTimeout: TIMEOUT,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--force-color-profile=srgb', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
    env: { ...process.env, TZ: 'UTC' },
  });
  try {
    const queue = await jobs(lab);
    const done = (await Promise.all(Array.from({ length: PAGES }, () => work(browser, server.url, lab, version, queue)))).flat();
    report(done);
  } finally {
    await browser.close();
    server.close();
    await lab.stop();
    await rm(built, { recursive: true });
  }
}

/** Prints each complaint once: both themes have most in common. */
function report(done) {
  [...new Set(done.flat())].sort().forEach((complaint) => console.log(complaint));
  const failed = done.filter((found) => found.length > 0).length;
  console.log(`${done.length - failed} passed, ${failed} failed`);
  process.exitCode = failed ? 1 : 0;
}

await main();
