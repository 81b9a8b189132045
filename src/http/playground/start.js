import { offerAttachments } from './attachments.js';

/** Where Playground keeps its tabs, settings and headers between visits. */
const STORAGE_KEY = 'graphql-playground';

// Absolute: Playground keeps tabs under the endpoint as given, but looks for them under the absolute one.
const ENDPOINT = `${location.origin}/graphql`;

const FIRST_TAB = {
  name: 'Welcome',
  endpoint: ENDPOINT,
  headers: { 'apollo-require-preflight': 'true' },
  query: `# Ctrl+Space completes, Ctrl+Enter runs.
# DOCS and SCHEMA, on the right, show what there is.
#
# A token goes into HTTP HEADERS, below:
#   { "authorization": "Bearer ..." }
#
# To upload, attach a file at the bottom of the page
# and name it in QUERY VARIABLES:
#   { "file": "@file:0" }

{
  __typename
}
`,
};

// Playground takes tabs and tokens from the address; a link from elsewhere shall not fill somebody's page.
history.replaceState(null, '', location.pathname);

offerAttachments();

document.querySelector('#forget').addEventListener('click', () => {
  if (!confirm('Forget every tab, header and setting that this page has kept in this browser?')) return;
  localStorage.removeItem(STORAGE_KEY);
  location.reload();
});

window.GraphQLPlayground.init(document.querySelector('#root'), {
  endpoint: ENDPOINT,
  subscriptionEndpoint: ENDPOINT.replace(/^http/, 'ws'),
  settings: { 'request.credentials': 'same-origin', 'schema.polling.enable': false },
  // Given on every visit, it would open once more beside the tabs that are kept.
  ...(localStorage.getItem(STORAGE_KEY) === null && { tabs: [FIRST_TAB] }),
});
