export { connect } from './connect.ts';
export { Database } from './database.ts';
export { type Retrieve, Session } from './session.ts';
