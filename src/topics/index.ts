export { announcement, checkTopic } from './announcement.ts';
export { Waiter, type Watch } from './waiter.ts';
