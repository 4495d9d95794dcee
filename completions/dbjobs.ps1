# Completion of dbjobs for PowerShell. To install it:
#   Add-Content $PROFILE 'dbjobs completion powershell | Out-String | Invoke-Expression'

Register-ArgumentCompleter -Native -CommandName dbjobs -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object {
        if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value }
        else { $_.Extent.Text }
    })
    if ($wordToComplete) { $words = @($words | Select-Object -SkipLast 1) }
    $program = $commandAst.CommandElements[0].Extent.Text
    $encoding = [Console]::OutputEncoding
    try {
        [Console]::OutputEncoding = [System.Text.Encoding]::UTF8
        $Env:_DBJOBS_COMPLETE = 'powershell'
        $Env:_DBJOBS_WORDS = (@($words) + $wordToComplete) -join [char]31
        $lines = @(& $program 2> $null)
    } finally {
        [Console]::OutputEncoding = $encoding
        Remove-Item Env:_DBJOBS_COMPLETE, Env:_DBJOBS_WORDS -ErrorAction SilentlyContinue
    }
    if ($lines[0] -ne 'words') { return }
    $lines | Select-Object -Skip 1 | ForEach-Object {
        $word, $help = $_ -split "`t", 2
        $text = if ($word -match '^[\w.=+-]+$') { $word } else { "'" + $word.Replace("'", "''") + "'" }
        if (-not $help) { $help = $word }
        [System.Management.Automation.CompletionResult]::new($text, $word, 'ParameterValue', $help)
    }
}
