// The package describes its types in JSDoc alone, which tsc reads of JavaScript that it checks only.
declare module 'apollo-upload-client/UploadHttpLink.mjs' {
  import { ApolloLink } from '@apollo/client';

  /** A terminating link that sends files by the GraphQL multipart request specification. */
  export default class UploadHttpLink extends ApolloLink {
    constructor(options: {
      uri: string;
      credentials?: RequestCredentials;
      headers?: Record<string, string>;
      fetch?: typeof fetch;
    });
  }
}
