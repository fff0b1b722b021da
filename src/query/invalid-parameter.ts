import { HoldfastError } from '../base/index.ts';

/** A parameter is missing, null where null is not allowed, or of the wrong shape. */
export class InvalidParameterError extends HoldfastError {
  readonly code = 'HOLDFAST_INVALID_PARAMETER';
}
