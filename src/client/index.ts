export { connect } from './connect.ts';
export { Database } from './database.ts';
export { reading, type Transacts } from './transacts.ts';
