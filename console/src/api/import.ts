import { t } from '@/i18n'
import { refused, writeHeaders } from './client'
import { Problem } from './problem'
import type { Schema } from './types'

export interface Progress {
  stage: 'reading' | 'planning' | 'writing'
  done: number
  total: number
}

type Line = Progress | { result: Schema<'ImportResult'> } | { problem: { status: number } }

/** Send a file of members; `told` hears how far it is. A dry run only says what would happen. */
export async function importMembers(
  file: File,
  dryRun: boolean,
  told: (progress: Progress) => void,
): Promise<Schema<'ImportResult'>> {
  const body = new FormData()
  body.append('file', file)
  let response: Response
  try {
    response = await fetch(`/api/console/members/import?dry_run=${dryRun}`, {
      method: 'POST',
      body,
      headers: { ...writeHeaders(), Accept: 'application/x-ndjson' },
    })
  } catch {
    throw Problem.offline(t)
  }
  if (!response.ok) throw await refused(response)
  for await (const line of lines(response)) {
    if ('stage' in line) told(line)
    else if ('problem' in line) throw new Problem(line.problem, line.problem.status)
    else return line.result
  }
  throw Problem.offline(t)
}

async function* lines(response: Response): AsyncGenerator<Line> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    rest += value ?? ''
    const complete = rest.split('\n')
    rest = done ? '' : (complete.pop() ?? '')
    for (const line of complete) if (line.trim()) yield JSON.parse(line) as Line
    if (done) return
  }
}
