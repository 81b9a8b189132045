import { Arg, Ctx, ID, Mutation, Resolver } from 'type-graphql';
import { type Context, viewerOf } from '../context.ts';
import { spendMany } from '../operation-rate.ts';
import { Needs } from '../permissions.ts';
import { BulkResult } from './bulk-types.ts';

/** Acts on many files at once; what fails for one of them is told beside what was done to the others. */
@Resolver()
export class BulkResolver {
  @Needs('files:write')
  @Mutation(() => BulkResult, { description: 'Puts files into the trash, each as `deleteFile` does.' })
  async deleteFiles(
    @Arg('ids', () => [ID], { description: 'The files, 1–1,000, each once.' }) ids: string[],
    @Ctx() context: Context,
  ): Promise<BulkResult> {
    const viewer = viewerOf(context);
    await spendMany(context.services.limits, context, ids.length);
    return context.services.bulk.trash(viewer, ids);
  }

  @Needs('files:write')
  @Mutation(() => BulkResult, {
    description:
      'Takes tags off files and puts others on them; a file that would have more than 20 stays as it is.',
  })
  async tagFiles(
    @Arg('ids', () => [ID], { description: 'The files, 1–1,000, each once.' }) ids: string[],
    @Arg('add', () => [String], {
      nullable: true,
      description: 'Tags to put on, at most 100, each 1–50 characters.',
    })
    add: string[] | null,
    @Arg('remove', () => [String], {
      nullable: true,
      description: 'Tags to take off, at most 100; those a file does not have do not matter.',
    })
    remove: string[] | null,
    @Ctx() context: Context,
  ): Promise<BulkResult> {
    const viewer = viewerOf(context);
    await spendMany(context.services.limits, context, ids.length);
    return context.services.bulk.tag(viewer, ids, { add, remove });
  }
}
