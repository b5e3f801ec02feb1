// Checks the dashboards of dashboards/v2 against the types that Grafana publishes in @grafana/schema: as TypeScript, since there is no
// JSON schema. The compiler is a dependency of Grafana's packages.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

import ts from 'typescript';

const here = import.meta.dirname;
const folder = path.join(here, '../../dashboards/v2');

/** What the compiler says of specifications, each as a text of JSON. */
async function faults(specs) {
  const scratch = await mkdtemp(path.join(os.tmpdir(), 'v2-'));
  try {
    await symlink(path.join(here, 'node_modules'), path.join(scratch, 'node_modules'));
    const types = "import type { Spec } from '@grafana/schema/apis/dashboard.grafana.app/v2beta1';\n";
    const file = path.join(scratch, 'dashboard.ts');
    await writeFile(file, types + specs.map((spec, i) => `export const of${i}: Spec = ${spec};\n`).join(''));
    const options = { strict: true, noEmit: true, skipLibCheck: true, types: [], module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler };
    const found = ts.getPreEmitDiagnostics(ts.createProgram([file], options));
    return found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
  } finally {
    await rm(scratch, { recursive: true });
  }
}

const files = (await readdir(folder)).filter((name) => name.endsWith('.json'));
const dashboards = await Promise.all(files.map(async (name) => JSON.parse(await readFile(path.join(folder, name)))));

test('three dashboards', () => assert.equal(dashboards.length, 3));

test('they have the published types', async () => {
  assert.deepEqual(await faults(dashboards.map(({ spec }) => JSON.stringify(spec))), []);
});

test('a fault is found', async () => {
  const { spec } = dashboards[0];
  for (const wrong of [{ ...spec, cursorSync: 'Sometimes' }, { ...spec, panels: [] }, { ...spec, elements: undefined }]) {
    assert.equal((await faults([JSON.stringify(wrong)])).length, 1, Object.keys(wrong).join());
  }
});
