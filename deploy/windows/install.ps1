#Requires -Version 5.1
#Requires -RunAsAdministrator
<#
.SYNOPSIS
Installs, updates or removes the defender-exporter service.

.DESCRIPTION
Copies the program to "C:\Program Files\defender-exporter" and the configuration to "C:\ProgramData\defender-exporter", installs
the service (delayed automatic start, restart after failures), starts it and checks its health. A second run changes only what
differs. With -WhatIf, the script prints the steps and changes nothing.

.PARAMETER Program
The program to install. Default: defender-exporter.exe beside this script.

.PARAMETER Config
The configuration to install. Default: the installed one. Without any, the service probes all documented endpoints.

.PARAMETER Account
Virtual: NT SERVICE\defender-exporter, with the rights of a standard user. Defender's own validation
(MpCmdRun -ValidateMapsConnection) requires more.
LocalSystem: Defender's own validation works.

.PARAMETER ListenAddress
The listen addresses, as [HOST]:PORT.

.PARAMETER Flags
Additional flags of the exporter, such as '--log.level=debug'. powershell.exe -File can't pass lists: it allows one flag.

.PARAMETER AllowFrom
Addresses or networks that the Windows firewall lets through. Without it, the script creates no rule, and removes the rule
of an earlier installation.

.PARAMETER Uninstall
Removes the service, the firewall rule and the program. Keeps configuration, log and state; -Purge removes them too.

.PARAMETER Purge
With -Uninstall: removes "C:\ProgramData\defender-exporter" as well.

.EXAMPLE
.\install.ps1 -Config .\defender-exporter.yaml -AllowFrom 10.0.0.5

.EXAMPLE
.\install.ps1 -Account LocalSystem -ListenAddress '10.1.2.3:10207' -WhatIf

.EXAMPLE
.\install.ps1 -Uninstall -Purge
#>
[CmdletBinding(SupportsShouldProcess = $true, DefaultParameterSetName = 'Install')]
param(
    [Parameter(ParameterSetName = 'Install')]
    [string] $Program, # $PSScriptRoot is empty here in Windows PowerShell 5.1

    [Parameter(ParameterSetName = 'Install')]
    [string] $Config,

    [Parameter(ParameterSetName = 'Install')]
    [ValidateSet('Virtual', 'LocalSystem')]
    [string] $Account = 'Virtual',

    [Parameter(ParameterSetName = 'Install')]
    [ValidateNotNullOrEmpty()]
    [string[]] $ListenAddress = @(':10207'),

    [Parameter(ParameterSetName = 'Install')]
    [string[]] $Flags = @(),

    [Parameter(ParameterSetName = 'Install')]
    [string[]] $AllowFrom = @(),

    [Parameter(ParameterSetName = 'Uninstall', Mandatory = $true)]
    [switch] $Uninstall,

    [Parameter(ParameterSetName = 'Uninstall')]
    [switch] $Purge
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

if (-not $Program) { $Program = Join-Path -Path $PSScriptRoot -ChildPath 'defender-exporter.exe' }
# powershell.exe -File passes "a,b" as one text.
$ListenAddress = @($ListenAddress | ForEach-Object { $_ -split ',' } | ForEach-Object { $_.Trim() } | Where-Object { $_ })
$AllowFrom = @($AllowFrom | ForEach-Object { $_ -split ',' } | ForEach-Object { $_.Trim() } | Where-Object { $_ })

$name = 'defender-exporter'
$home64 = if ($env:ProgramW6432) { $env:ProgramW6432 } else { $env:ProgramFiles }
$programFolder = Join-Path -Path $home64 -ChildPath $name
$installed = Join-Path -Path $programFolder -ChildPath 'defender-exporter.exe'
$dataFolder = Join-Path -Path $env:ProgramData -ChildPath $name
$installedConfig = Join-Path -Path $dataFolder -ChildPath 'defender-exporter.yaml'

# Runs the exporter and shows its output. Stops the script if it fails.
function Invoke-Exporter {
    param([string] $Path, [string[]] $Arguments)
    & $Path @Arguments | Out-Host
    if ($LASTEXITCODE -ne 0) {
        throw "defender-exporter $($Arguments -join ' ') failed with exit code $LASTEXITCODE"
    }
}

function Test-SameFile {
    param([string] $Left, [string] $Right)
    if (-not (Test-Path -LiteralPath $Right -PathType Leaf)) { return $false }
    return (Get-FileHash -LiteralPath $Left).Hash -eq (Get-FileHash -LiteralPath $Right).Hash
}

# Retries for 10 s: a program can be replaced or removed only after its process has exited, which is after the service stops.
function Invoke-WithRetry {
    param([scriptblock] $Action)
    for ($try = 1; ; $try++) {
        try {
            & $Action
            return
        } catch {
            if ($try -ge 20) { throw }
            Start-Sleep -Milliseconds 500
        }
    }
}

# Stops the service, which keeps its program file open.
function Stop-Exporter {
    $service = Get-Service -Name $name -ErrorAction SilentlyContinue
    if ($service -and $service.Status -ne 'Stopped' -and $PSCmdlet.ShouldProcess($name, 'Stop the service')) {
        Stop-Service -Name $name
        $service.WaitForStatus('Stopped', [TimeSpan]::FromSeconds(30))
    }
}

function Sync-FirewallRule {
    $rule = Get-NetFirewallRule -Name $name -ErrorAction SilentlyContinue
    if ($rule -and $PSCmdlet.ShouldProcess($name, 'Remove the firewall rule')) {
        Remove-NetFirewallRule -Name $name
    }
    if ($AllowFrom.Count -gt 0 -and $PSCmdlet.ShouldProcess($name, "Allow $($AllowFrom -join ', ') in the firewall")) {
        $ports = @($ListenAddress | ForEach-Object { ($_ -split ':')[-1] } | Sort-Object -Unique)
        $null = New-NetFirewallRule -Name $name -DisplayName $name -Direction Inbound -Action Allow -Protocol TCP `
            -LocalPort $ports -RemoteAddress $AllowFrom -Program $installed `
            -Description 'Allows Prometheus to scrape defender-exporter.'
    }
}

# Waits until the exporter responds at its first listen address. Works with any web configuration.
function Wait-Exporter {
    $ErrorActionPreference = 'Continue' # with Stop, Windows PowerShell 5.1 aborts at the first line on standard error
    $where = $ListenAddress[0]
    for ($try = 1; $try -le 30; $try++) {
        $output = & $installed "--web.listen-address=$where" healthcheck 2>$null
        if ($LASTEXITCODE -eq 0) {
            Write-Output "defender-exporter is healthy: $output"
            return
        }
        Start-Sleep -Seconds 1
    }
    throw "The service is running but does not respond at ${where}. See its log in $dataFolder\logs"
}

function Install-Exporter {
    $source = (Resolve-Path -LiteralPath $Program).ProviderPath
    if ($Config) {
        $configSource = (Resolve-Path -LiteralPath $Config).ProviderPath
        Invoke-Exporter -Path $source -Arguments @('--config.check', "--config.file=$configSource") # before any change
    }
    if (-not (Test-SameFile -Left $source -Right $installed)) {
        Stop-Exporter
        if ($PSCmdlet.ShouldProcess($installed, "Copy $source")) {
            $null = New-Item -ItemType Directory -Path $programFolder -Force
            Invoke-WithRetry -Action { Copy-Item -LiteralPath $source -Destination $installed -Force }
        }
    }
    $kind = if ($Account -eq 'LocalSystem') { 'local-system' } else { 'virtual' }
    $arguments = @($ListenAddress | ForEach-Object { "--web.listen-address=$_" }) + $Flags
    $arguments += @('service', 'install', '--account', $kind)
    # The service first: its installation creates the data folder and restricts write access to it.
    if ($PSCmdlet.ShouldProcess($name, "Install the service: $($arguments -join ' ')")) {
        Invoke-Exporter -Path $installed -Arguments $arguments
    }
    if ($Config -and -not (Test-SameFile -Left $configSource -Right $installedConfig)) {
        if ($PSCmdlet.ShouldProcess($installedConfig, "Copy $configSource")) {
            Copy-Item -LiteralPath $configSource -Destination $installedConfig -Force
        }
    }
    Sync-FirewallRule
    Stop-Exporter # changes take effect at the next start
    if ($PSCmdlet.ShouldProcess($name, 'Start the service')) {
        Invoke-Exporter -Path $installed -Arguments @('service', 'start')
        Wait-Exporter
    }
}

function Uninstall-Exporter {
    if (Get-Service -Name $name -ErrorAction SilentlyContinue) {
        Stop-Exporter
        if ($PSCmdlet.ShouldProcess($name, 'Remove the service')) {
            # With sc.exe, because the exporter may already be removed.
            & "$env:SystemRoot\System32\sc.exe" delete $name | Out-Host
            if ($LASTEXITCODE -ne 0) { throw "sc.exe delete $name failed with exit code $LASTEXITCODE" }
        }
    }
    Sync-FirewallRule
    $folders = @($programFolder)
    if ($Purge) { $folders += $dataFolder }
    foreach ($folder in $folders) {
        if ((Test-Path -LiteralPath $folder) -and $PSCmdlet.ShouldProcess($folder, 'Remove the folder')) {
            Invoke-WithRetry -Action { Remove-Item -LiteralPath $folder -Recurse -Force }
        }
    }
}

if ($Uninstall) { Uninstall-Exporter } else { Install-Exporter }
