export { connect } from './connect.ts';
export { Database } from './database.ts';
