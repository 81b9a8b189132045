import { GraphQLError, type GraphQLFormattedError } from 'graphql';

/** An error in the words that the client is to hear. */
export class ToldError extends GraphQLError {
  private readonly told: GraphQLFormattedError;

  constructor(told: GraphQLFormattedError) {
    super(told.message);
    this.told = told;
  }

  override toJSON(): GraphQLFormattedError {
    return this.told;
  }
}
