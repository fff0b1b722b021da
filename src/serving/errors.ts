import { HoldfastError } from '../base/index.ts';

/** The server cannot listen where it was told to. */
export class ListenError extends HoldfastError {
  readonly code = 'HOLDFAST_LISTEN';
}
