/** Holdfast's commands: anybody asks, and only who holds a target changes it. */
export type { Transacts } from '../client/index.ts';
export type { CommandContext, CommandHandler, CommandOutcome, EndedState } from './consume.ts';
export type {
  ArgsIn,
  ArgsOut,
  CommandDeclaration,
  CommandDeclarations,
  NoArgs,
  QueueDefinition,
} from './definition.ts';
export { CommandKeyError, CommandTimeoutError, NoteConflictError } from './errors.ts';
export { commandsFace } from './face.ts';
export type { Notes } from './notes.ts';
export {
  type Allowed,
  type CallOptions,
  type CommandHandlers,
  CommandQueue,
  type CommandStatus,
  type CommandToSend,
  defineCommands,
  findQueue,
  type SendOptions,
  type SentCommand,
} from './queue.ts';
