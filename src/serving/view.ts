import type { Database } from '../client/index.ts';
import {
  type ContentFile,
  contentsNamed,
  contentsOf,
  filesOf,
  type VersionContent,
  type VersionView,
} from '../sync/index.ts';

/** The version that a request was given, as a plugin sees it. */
export class View implements VersionView {
  readonly repository: string;
  readonly number: number;
  readonly #on: Database;
  readonly #repositoryId: string;

  constructor(on: Database, repository: string, repositoryId: string, number: number) {
    this.repository = repository;
    this.number = number;
    this.#on = on;
    this.#repositoryId = repositoryId;
  }

  named(type: string, name: string): Promise<readonly VersionContent[]> {
    return contentsNamed(this.#on, { repositoryId: this.#repositoryId, number: this.number }, type, name);
  }

  async *contents(type?: string): AsyncGenerator<VersionContent> {
    for await (const content of contentsOf(this.#on, this.repository, this.number))
      if (type === undefined || content.type === type) yield content;
  }

  files(contentIds: readonly string[]): Promise<ReadonlyMap<string, readonly ContentFile[]>> {
    return filesOf(this.#on, contentIds);
  }
}
