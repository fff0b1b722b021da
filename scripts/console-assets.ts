/** The script and the style of the console's pages, in one file each: written by the build, or made in memory in a checkout. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('../', import.meta.url));
/** Bytes of script that a browser loads, gzipped, at most. */
const MOST = 150_000;

export async function consoleAssets(): Promise<{ 'app.js': string; 'app.css': string }> {
  const bundle = await rolldown({
    input: `${root}src/console/ui/main.tsx`,
    platform: 'browser',
    logLevel: 'warn',
  });
  const { output } = await bundle.generate({ format: 'es', minify: true, codeSplitting: false });
  await bundle.close();
  const [{ code }] = output;
  const size = gzipSync(code).length;
  if (size > MOST) throw new Error(`the console's script has ${size} bytes gzipped, more than ${MOST}`);
  const chart = fileURLToPath(import.meta.resolve('uplot/dist/uPlot.min.css'));
  const own = await readFile(`${root}src/console/ui/style.css`, 'utf8');
  return { 'app.js': code, 'app.css': `${await readFile(chart, 'utf8')}\n${own}` };
}

/** Writes them into a folder; gives the size of the script, gzipped, in bytes. */
export async function writeConsoleAssets(folder: string): Promise<number> {
  const files = await consoleAssets();
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(`${folder}/${name}`, text);
  return gzipSync(files['app.js']).length;
}
