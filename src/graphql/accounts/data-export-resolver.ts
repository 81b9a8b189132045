import { Ctx, Field, ObjectType, Query, Resolver } from 'type-graphql';
import { DateTime } from '../../models/scalars.ts';
import { type Context, viewerOf } from '../context.ts';
import { Needs } from '../permissions.ts';

/** Where everything that is held of an account can be fetched. */
@ObjectType({ description: 'Where everything that is held of an account can be fetched.' })
export class DataExport {
  @Field(() => String, {
    simple: true,
    description: 'A signed URL of one JSON document; it works without headers.',
  })
  url!: string;

  @Field(() => DateTime, { simple: true, description: 'When the URL ends.' })
  expiresAt!: Date;
}

/** An account’s own copy of what is held of it. */
@Resolver()
export class DataExportResolver {
  @Needs('session')
  @Query(() => DataExport, {
    description:
      'Everything that is held of the own account: its facts, sessions, keys, events, and all its files with download URLs.',
  })
  exportMyData(@Ctx() context: Context): Promise<DataExport> {
    return context.services.dataExports.link(viewerOf(context));
  }
}
