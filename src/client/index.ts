export { connect } from './connect.ts';
export { Database } from './database.ts';
export { reading, type Transacts, WRITE_WITHIN_MS } from './transacts.ts';
