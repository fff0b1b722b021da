/**
 * What agent and API say to each other: one request, the heartbeat, which also carries whatever the agent has
 * to report, and is answered with whatever it has to do next.
 *
 * `POST /v1/machines/<machine id>/heartbeat`, signed as in signature.ts.
 */
import { z } from 'zod';
import { hardwareReport, plainText } from '../agent/hardware.ts';

export const heartbeatPath = (machineId: string) => `/v1/machines/${machineId}/heartbeat`;

const generation = z.number().int().positive();

export const heartbeatRequest = z.strictObject({
  /** Sent until it has been accepted once. */
  hardware: hardwareReport.optional(),
  /** How the installation of a generation ended; sent until it has been accepted once. */
  installation: z
    .strictObject({
      generation,
      result: z.enum(['success', 'failure']),
      detail: plainText(1000).optional(),
    })
    .optional(),
});

export const heartbeatResponse = z.object({
  /** An operating system to install; repeated until its report has arrived. */
  installation: z.object({ generation, image: z.string() }).optional(),
});

/** Why a request was refused. `superseded`: another agent has been started on the machine since; `limited`: too often. */
export const refusal = z.object({
  error: z.enum([
    'missing',
    'malformed',
    'digest',
    'created',
    'signature',
    'unknown-machine',
    'superseded',
    'replayed',
    'limited',
    'body',
    'unavailable',
  ]),
  message: z.string(),
});

export type HeartbeatRequest = z.infer<typeof heartbeatRequest>;
export type HeartbeatResponse = z.infer<typeof heartbeatResponse>;
export type Refusal = z.infer<typeof refusal>;
