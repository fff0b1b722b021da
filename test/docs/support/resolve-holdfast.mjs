// For processes that run examples: the package's name means the sources.
import { registerHooks } from 'node:module';

const entries = new Map([
  ['holdfast', new URL('../../../src/index.ts', import.meta.url).href],
  ...['query', 'testing', 'telemetry'].map((name) => [
    `holdfast/${name}`,
    new URL(`../../../src/${name}/index.ts`, import.meta.url).href,
  ]),
]);

registerHooks({
  resolve: (specifier, context, next) => next(entries.get(specifier) ?? specifier, context),
});
