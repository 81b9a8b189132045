import { newAzureContainer } from '../../support/backends/azure-container.ts';

// In a process of its own, as one learns whom to trust only at its start.
process.stdout.write(JSON.stringify((await newAzureContainer()).env));
