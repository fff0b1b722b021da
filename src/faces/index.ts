export { summedBacklog } from './backlog.ts';
export { type ExplainOptions, type Explanation, explain, explainOn, type FaceFacts } from './explain.ts';
export type { Face, FaceGauges, FaceSweep, GaugeRows, UpkeepHost } from './face.ts';
export { type GrantsOptions, grantStatements, rightsOf } from './grants.ts';
export { history, inOrder } from './history.ts';
export type {
  ActionBy,
  ActionField,
  Backlog,
  ColumnLook,
  Drawing,
  FaceAction,
  FaceList,
  FacePages,
  Happening,
  ListColumn,
  ListFilter,
  ListPage,
  ListQuery,
  ListRow,
  Offer,
  PageValue,
  Positions,
} from './pages.ts';
export type { FacePart, Fact, Finding, HistoryEvent, TargetState, Wish } from './part.ts';
export { type Privileges, type Rights, SQL_ROLES, type SqlRole } from './rights.ts';
export { argument, causeOf, numberFrom, positionFrom, scanPage, uuidFrom } from './scan.ts';
export { clock } from './words.ts';
