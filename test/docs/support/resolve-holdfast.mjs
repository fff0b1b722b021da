// For processes that run examples: the package's public entry points, and no others, mean the sources.
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

const root = new URL('../../../', import.meta.url);
const { name, exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

const urls = new Map(
  Object.entries(exports)
    .filter(([, { default: built }]) => built !== undefined)
    .map(([path, { default: built }]) => [
      name + path.slice(1),
      new URL(built.replace('./dist', 'src').replace(/js$/, 'ts'), root).href,
    ]),
);

registerHooks({
  resolve: (specifier, context, next) => next(urls.get(specifier) ?? specifier, context),
});
