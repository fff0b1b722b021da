import { z } from 'zod';

export const attributes = z.object({ colour: z.string() });
