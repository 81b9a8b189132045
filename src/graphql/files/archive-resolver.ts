import { Arg, Ctx, ID, Int, Query, Resolver } from 'type-graphql';
import type { Context } from '../context.ts';
import { Needs } from '../permissions.ts';

const DEFAULT_SECONDS = 300;

/** Addresses of archives. */
@Resolver()
export class ArchiveResolver {
  @Needs('files:read or anonymous')
  @Query(() => String, {
    description:
      'A signed URL of a ZIP file of some files, or of everything in a folder. It needs no headers; who may have the contents is asked when it is used.',
  })
  archiveUrl(
    @Arg('fileIds', () => [ID], { nullable: true, description: 'The files, 1–100, each once.' })
    ids: string[] | null,
    @Arg('folderId', () => ID, { nullable: true, description: 'The folder; not with `fileIds`.' })
    folder: string | null,
    @Arg('expiresInSeconds', () => Int, {
      nullable: true,
      defaultValue: DEFAULT_SECONDS,
      description: 'Seconds it works for, up to 7 days.',
    })
    expiresInSeconds: number | null,
    @Ctx() { viewer, services }: Context,
  ): string {
    const content = { ids: ids ?? null, folder: folder ?? null };
    return services.archives.url(viewer, content, expiresInSeconds ?? DEFAULT_SECONDS);
  }
}
