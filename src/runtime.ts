/** What compiled queries import: `holdfast/runtime`. Programs import `holdfast`. */
export * from './query/index.ts';
