import type { z } from 'zod';
import type { Downloader } from '../artifacts/index.ts';
import type { Pipeline } from '../pipeline/index.ts';
import type { ContentType } from './content-type.ts';
import type { DeclaredContent } from './declared.ts';
import type { ContentFile, VersionContent } from './repository.ts';
import type { FirstStage } from './sync.ts';

/** What a plugin gets beside its settings. */
export interface PluginContext {
  /** What fetches metadata; the sync fetches the files of what is declared. */
  readonly downloader: Downloader;
}

/** A kind of repository: what its upstream says, and how its versions are served. */
export interface SyncPlugin<Settings = unknown> {
  /** As repositories name it. */
  readonly name: string;
  /** Of a repository's settings. */
  readonly settings: z.ZodType<Settings>;
  readonly contentTypes: readonly ContentType[];
  /** What upstream says should be there. */
  first(settings: Settings, context: PluginContext): FirstStage;
  /** Changes the pipeline of a sync; see `STAGES` for the names of its stages. */
  stages?(
    pipeline: Pipeline<DeclaredContent>,
    settings: Settings,
    context: PluginContext,
  ): Pipeline<DeclaredContent>;
  /** What is served under a path of a version; undefined: nothing. Without it: nothing at all. */
  serve?(request: ServeRequest, view: VersionView): Promise<Served | undefined>;
}

/** What a client asks a repository for. */
export interface ServeRequest {
  /** Behind the repository's URL: without a slash in front and without a query, percent-decoded once. */
  readonly path: string;
  /** URL of the repository as clients see it, without a slash at its end. */
  readonly base: string;
}

/** What is served: a file of a content of the version, or a document that is made of the version. */
export type Served = ServedFile | ServedDocument;

export interface ServedFile {
  readonly kind: 'file';
  readonly contentId: string;
  /** Of the file within the content. */
  readonly path: string;
  /** As which a client saves it. Default: the last part of `path`. */
  readonly filename?: string | undefined;
  /** Media type. Default `application/octet-stream`. */
  readonly contentType?: string | undefined;
}

export interface ServedDocument {
  readonly kind: 'document';
  readonly body: string | Buffer;
  /** Media type. */
  readonly contentType: string;
}

/** One complete version of a repository, for who serves it. */
export interface VersionView {
  /** Name of the repository. */
  readonly repository: string;
  /** Of the version. */
  readonly number: number;
  /** What it holds of a type under the name that clients ask for, in the order of the natural keys. */
  named(type: string, name: string): Promise<readonly VersionContent[]>;
  /** Everything that it holds, or all of a type, page by page. */
  contents(type?: string): AsyncIterable<VersionContent>;
  /** The files of contents, by content; of a thousand contents at most. */
  files(contentIds: readonly string[]): Promise<ReadonlyMap<string, readonly ContentFile[]>>;
}
