import { z } from 'zod';
import type { ArtifactStore, Downloader } from '../artifacts/index.ts';
import type { Pipeline } from '../pipeline/index.ts';
import type { ContentType } from './content-type.ts';
import type { DeclaredContent } from './declared.ts';
import type { ContentFile, VersionContent } from './repository.ts';
import type { FirstStage } from './sync.ts';

/** What a plugin gets beside its settings. */
export interface PluginContext {
  /** What fetches metadata; the sync fetches the files of what is declared. */
  readonly downloader: Downloader;
  /** Where bytes go. Undefined: the repository's files are on demand, and nothing can be fetched into a store now. */
  readonly store: ArtifactStore | undefined;
}

/** What every repository may be told, whatever its plugin is: of `SyncOptions`. Extend it by the plugin's own. */
export const pluginSettings = z.strictObject({
  policy: z.enum(['immediate', 'on demand']).optional(),
  mirror: z.boolean().optional(),
  onItemError: z.enum(['fail', 'skip']).optional(),
  skipLimit: z.int().min(0).optional(),
});

export type PluginSettings = z.output<typeof pluginSettings>;

/** An http or https URL for settings. It is stored and shown, so it has no password: that is for the downloader's headers. */
export const upstreamUrl = z.string().superRefine((text, context) => {
  const url = URL.parse(text);
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:';
  if (!url || !isHttp)
    context.addIssue({ code: 'custom', message: 'expected a URL that begins with http:// or https://' });
  else if (url.username !== '' || url.password !== '')
    context.addIssue({
      code: 'custom',
      message: "expected no user and no password: give them to the downloader, by its option 'headers'",
    });
});

/** A kind of repository: what its upstream says, and how its versions are served. */
export interface SyncPlugin<Settings extends PluginSettings = PluginSettings> {
  /** As repositories name it. */
  readonly name: string;
  /** Schema of the settings that a repository has: `pluginSettings`, extended. */
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
