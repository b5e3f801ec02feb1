// Bundles the page into a folder.

import { cp } from 'node:fs/promises';
import path from 'node:path';

import { build } from 'esbuild';

const here = import.meta.dirname;

export async function bundle(folder) {
  await build({
    absWorkingDir: here,
    entryPoints: ['page/main.jsx'],
    outfile: path.join(folder, 'main.js'),
    bundle: true,
    minify: true,
    format: 'iife',
    platform: 'browser',
    target: 'chrome120',
    jsx: 'automatic',
    mainFields: ['browser', 'module', 'main'],
    define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
    loader: { '.svg': 'dataurl', '.woff': 'dataurl', '.woff2': 'dataurl', '.ttf': 'dataurl', '.png': 'dataurl' },
    logLevel: 'error',
    plugins: [scrollbars],
  });
  await cp(path.join(here, 'page/index.html'), path.join(folder, 'index.html'));
}

/** @grafana/ui takes the default export of this CommonJS module for the component itself. */
const scrollbars = {
  name: 'scrollbars',
  setup(build) {
    const name = 'react-custom-scrollbars-2';
    build.onResolve({ filter: new RegExp(`^${name}$`) }, ({ path, pluginData }) =>
      pluginData?.isShim ? undefined : { path, namespace: 'scrollbars' });
    build.onLoad({ filter: /.*/, namespace: 'scrollbars' }, () => ({
      contents: `import { Scrollbars } from ${JSON.stringify(name)}; export { Scrollbars }; export default Scrollbars;`,
      resolveDir: here,
      pluginData: { isShim: true },
    }));
  },
};
