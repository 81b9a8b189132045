import { Max, Min } from 'class-validator';
import { Arg, Args, ArgsType, Ctx, Field, ID, Int, Mutation, Query, Resolver } from 'type-graphql';
import { StoredFile } from '../../models/file.ts';
import { connectionOf } from '../connections.ts';
import { type Context, viewerOf } from '../context.ts';
import { Needs } from '../permissions.ts';
import { QuarantineConnection, quarantined } from './quarantine-types.ts';

const MOST = 100;

/** Which page of the quarantine. */
@ArgsType()
export class QuarantineArgs {
  @Field(() => Int, { nullable: true, defaultValue: 20, description: 'How many files at most, 1–100.' })
  @Min(1)
  @Max(MOST)
  first?: number | null;

  @Field(() => String, { nullable: true, description: 'The cursor behind which the page begins.' })
  after?: string | null;
}

/** What administrators do with files that were found infected; `purgeFile` removes one for good. */
@Resolver()
export class QuarantineResolver {
  @Needs('admin')
  @Query(() => QuarantineConnection, { description: 'The files in quarantine, newest first.' })
  async quarantine(
    @Args(() => QuarantineArgs) { first, after }: QuarantineArgs,
    @Ctx() { services: { quarantine } }: Context,
  ): Promise<QuarantineConnection> {
    return connectionOf(await quarantine.list({ first: first ?? 20, after }), quarantined);
  }

  @Needs('admin')
  @Mutation(() => StoredFile, {
    description:
      'Lets a file out of quarantine, or one that waits for a virus scan be served, with all others of the same content: the same is not found in it again.',
  })
  releaseFile(
    @Arg('id', () => ID, { description: 'The file’s id.' }) id: string,
    @Ctx() context: Context,
  ): Promise<StoredFile> {
    return context.services.quarantine.release(viewerOf(context), id);
  }
}
