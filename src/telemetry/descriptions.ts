import type { Attributes } from '@opentelemetry/api';
import {
  DB_NAMESPACE,
  DB_OPERATION_BATCH_SIZE,
  DB_QUERY_TEXT,
  DB_SYSTEM_NAME,
  SERVER_ADDRESS,
  SERVER_PORT,
  TRANSACTION_READ_ONLY,
} from './attributes.ts';
import type { ServerAddress } from './observer.ts';
import type { StatementFacts } from './statement-facts.ts';

/** The attributes of one statement on one server. Shared by all its spans and measurements: never changed. */
export interface Description {
  readonly metric: Attributes;
  readonly span: Attributes;
}

/** Describes statements on one server of one database; each is put together once. */
export class Descriptions {
  readonly #common: Attributes;
  readonly #known = new WeakMap<StatementFacts, Description>();

  constructor(database: Attributes, server: ServerAddress | undefined) {
    this.#common = server
      ? { ...database, [SERVER_ADDRESS]: server.host, [SERVER_PORT]: server.port }
      : database;
  }

  /** `count`: how many statements are sent as one. */
  of(facts: StatementFacts, count: number): Description {
    let description = this.#known.get(facts);
    if (!description) {
      const metric = { ...this.#common, ...facts.attributes };
      const span = {
        ...metric,
        // Not in the metric, which it would make unbounded.
        [DB_QUERY_TEXT]: facts.queryText,
        ...(count > 1 ? { [DB_OPERATION_BATCH_SIZE]: count } : {}),
      };
      description = { metric, span };
      this.#known.set(facts, description);
    }
    return description;
  }
}

/** What is known of one database: its attributes, and its statements' by server. */
export class DatabaseDescription {
  readonly attributes: Attributes;
  readonly readOnlyAttributes: Attributes;
  readonly #servers = new Map<string, Descriptions>();
  /** By the object itself, a connection mostly, which spares making a key for each transaction. */
  readonly #byIdentity = new WeakMap<ServerAddress, Descriptions>();

  constructor(system: string, namespace: string) {
    this.attributes = { [DB_SYSTEM_NAME]: system, [DB_NAMESPACE]: namespace };
    this.readOnlyAttributes = { ...this.attributes, [TRANSACTION_READ_ONLY]: true };
  }

  on(server: ServerAddress | undefined): Descriptions {
    const known = server && this.#byIdentity.get(server);
    if (known) return known;
    const key = server ? `${server.host}:${server.port}` : '';
    let descriptions = this.#servers.get(key);
    if (!descriptions) {
      descriptions = new Descriptions(this.attributes, server);
      this.#servers.set(key, descriptions);
    }
    if (server) this.#byIdentity.set(server, descriptions);
    return descriptions;
  }
}
