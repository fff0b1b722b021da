import { z } from 'zod';
import { assertFunction, checkOptions, nameSchema } from '../base/index.ts';

/** What a natural key is made of. */
export type NaturalKey = readonly (string | number | boolean | null)[];

/** A kind of content: what its metadata is, and what tells one from another. */
export interface ContentTypeDefinition<Schema extends z.ZodType> {
  /** Letters, digits, dots, dashes and underscores. */
  readonly name: string;
  /** Of the metadata, which is a JSON value. */
  readonly metadata: Schema;
  /** Natural key: a repository has one content of the type with it. */
  readonly key: (metadata: z.output<Schema>) => NaturalKey;
  /** What clients ask for; several contents may answer to one name. Default: the parts of the key, joined by slashes. */
  readonly clientName?: ((metadata: z.output<Schema>) => string) | undefined;
  /**
   * What is declared under a natural key that exists with other metadata or digests: `error`, the default, or `replace`:
   * new content, which takes the old one's place in this version alone.
   */
  readonly onChange?: 'error' | 'replace' | undefined;
}

const definitionSchema = z.strictObject({
  name: nameSchema,
  metadata: z.instanceof(z.ZodType, { error: 'expected a zod schema' }),
  key: z.unknown(),
  clientName: z.unknown().optional(),
  onChange: z.enum(['error', 'replace']).optional(),
});

/** A type of content, checked. Made by `defineContentType`. */
export interface ContentType<Metadata = unknown> {
  readonly name: string;
  readonly onChange: 'error' | 'replace';
  readonly metadata: z.ZodType<Metadata>;
  key(metadata: Metadata): NaturalKey;
  clientName(metadata: Metadata): string;
}

/** Declares a type of content. Throws MisuseError naming what is wrong. */
export function defineContentType<Schema extends z.ZodType>(
  definition: ContentTypeDefinition<Schema>,
): ContentType<z.output<Schema>> {
  const { name, onChange = 'error' } = checkOptions(definitionSchema, definition);
  const { metadata, key, clientName = (of: z.output<Schema>) => key(of).join('/') } = definition;
  assertFunction('key', key);
  assertFunction('clientName', clientName);
  return { name, onChange, metadata: metadata as z.ZodType<z.output<Schema>>, key, clientName };
}
