// Prints the container images that the pipeline runs, one a line and nothing else: to mirror, scan or pin them.
// With --all, the one that the pipeline builds is among them.
import { imagesOf, KeelsonApp } from 'keelson';
import { optionsFromEnvironment } from './options.ts';
import { studioGoRunner } from './pipeline.ts';

const app = new KeelsonApp();
studioGoRunner(app, optionsFromEnvironment(process.env));
// What is wrong with the program is said, and nothing is written.
app.synthYaml();
const all = process.argv.includes('--all');
for (const { name, built } of imagesOf(app)) if (all || !built) process.stdout.write(`${name}\n`);
