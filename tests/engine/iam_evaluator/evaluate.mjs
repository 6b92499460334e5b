// Decides requests as IAM does: {name: simulation} on standard input, {name: whether it is allowed} on standard output.
// A question that makes no sense is an error, never a refusal.
import { json } from 'node:stream/consumers'
import { createValidatedPolicy, validateResourcePolicy, validateTrustPolicy } from '@cloud-copilot/iam-policy'
import { runSimulation, runUnsafeSimulation } from '@cloud-copilot/iam-simulate'

// Claims of every identity provider; the reference that the evaluator checks keys by names GitHub's other ones only.
const CLAIM = /^token\.actions\.githubusercontent\.com:(aud|sub)$/

function prepared({ resourcePolicy, ...simulation }) {
  if (!resourcePolicy) return simulation
  const validate = simulation.request.action.startsWith('sts:') ? validateTrustPolicy : validateResourcePolicy
  return { ...simulation, resourcePolicy: createValidatedPolicy(resourcePolicy, validate, { name: 'resource' }) }
}

async function allowed(simulation) {
  const answer = await runSimulation(simulation, {})
  if (answer.resultType !== 'single') throw new Error(JSON.stringify(answer.errors ?? 'name one resource'))
  const ignored = answer.result.ignoredContextKeys
  const unknown = ignored.filter((key) => !CLAIM.test(key))
  if (unknown.length) throw new Error(`${simulation.request.action} has no condition key ${unknown.join(', ')}`)
  const result = ignored.length ? runUnsafeSimulation(simulation, {}) : answer.overallResult
  return result === 'Allowed'
}

const answers = {}
for (const [name, simulation] of Object.entries(await json(process.stdin))) {
  try {
    answers[name] = await allowed(prepared(simulation))
  } catch (error) {
    console.error(`${name}: ${error.message}`)
    process.exitCode = 1
  }
}
console.log(JSON.stringify(answers))
