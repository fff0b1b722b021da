export { assertFunction, assertStatement, checkText, isText, jsonOf, valueNamed } from './arguments.ts';
export * from './errors/index.ts';
export { ifAbsent } from './files.ts';
export { checkOptions, nameSchema } from './options.ts';
export { Service, type ServiceOptions, type ServiceState, tell } from './service.ts';
export {
  type SqlPiece,
  type SqlPieceKind,
  type SqlStatement,
  StatementEnds,
  splitStatements,
  sqlPieceAt,
  sqlPieces,
  sqlWords,
} from './sql.ts';
export {
  Doubling,
  jittered,
  LEAST_PATIENCE_MS,
  LONGEST_TIMER_MS,
  pause,
  unlessAborted,
  within,
} from './time.ts';
export { utf8Text } from './utf8.ts';
