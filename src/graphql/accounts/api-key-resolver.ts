import { Arg, Ctx, ID, Mutation, Query, Resolver } from 'type-graphql';
import { ApiKey } from '../../models/api-key.ts';
import { type Context, viewerOf } from '../context.ts';
import { Needs } from '../permissions.ts';
import { CreateApiKeyInput, CreatedApiKey } from './api-key-inputs.ts';

/** The API keys of an account; no key may touch them, its own included. */
@Resolver(() => ApiKey)
export class ApiKeyResolver {
  @Needs('session')
  @Query(() => [ApiKey], {
    description: 'The own API keys, the newest first: all that work, and the last 100 that have ended.',
  })
  apiKeys(@Ctx() context: Context): Promise<ApiKey[]> {
    return context.services.apiKeys.list(viewerOf(context).userId);
  }

  @Needs('session')
  @Mutation(() => CreatedApiKey, {
    description: 'Makes an API key and shows it, once. CONFLICT with 100 that work already.',
  })
  createApiKey(
    @Arg('input', () => CreateApiKeyInput, { description: 'The new key.' }) input: CreateApiKeyInput,
    @Ctx() context: Context,
  ): Promise<CreatedApiKey> {
    return context.services.apiKeys.create(viewerOf(context), input);
  }

  @Needs('session')
  @Mutation(() => ApiKey, {
    description: 'Ends an own API key for good, at once, with every address it has made; may be repeated.',
  })
  revokeApiKey(
    @Arg('id', () => ID, { description: 'The key’s id.' }) id: string,
    @Ctx() context: Context,
  ): Promise<ApiKey> {
    return context.services.apiKeys.revoke(viewerOf(context), id);
  }
}
