#Requires -Version 5.1
#Requires -RunAsAdministrator
<#
.SYNOPSIS
Installs defender-exporter as a service, brings an installed one up to date, or removes it.

.DESCRIPTION
Copies the program to "C:\Program Files\defender-exporter" and a configuration to "C:\ProgramData\defender-exporter", installs
the service by the program's own command (automatic delayed start, restart after failures), starts it and asks it whether it is
healthy. Doing it again changes only what differs. With -WhatIf it says what it would do, and does nothing.

.PARAMETER Program
The program to install; that beside this script, if not given.

.PARAMETER Config
A configuration to install. Without one, that which is there stays; where there is none, the service probes everything documented.

.PARAMETER Account
Virtual: NT SERVICE\defender-exporter, with no more rights than any user; Defender's own validation refuses it.
LocalSystem: Defender's own validation (MpCmdRun -ValidateMapsConnection) answers.

.PARAMETER ListenAddress
Where the service serves, as [HOST]:PORT; several are possible.

.PARAMETER Flags
Further flags of the exporter for the service, such as '--log.level=debug'. With powershell.exe -File, which knows no lists, one alone.

.PARAMETER AllowFrom
Opens Windows' firewall for these addresses or networks, and for nobody else. Without it, no rule is made, and one of an earlier
installation is removed.

.PARAMETER Uninstall
Removes service, firewall rule and program. Configuration, log and state stay unless -Purge is given too.

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

# Runs the exporter and stops the script where it fails; what it says is shown.
function Invoke-Exporter {
    param([string] $Path, [string[]] $Arguments)
    & $Path @Arguments | Out-Host
    if ($LASTEXITCODE -ne 0) {
        throw "defender-exporter $($Arguments -join ' ') ended with exit code $LASTEXITCODE"
    }
}

function Test-SameFile {
    param([string] $Left, [string] $Right)
    if (-not (Test-Path -LiteralPath $Right -PathType Leaf)) { return $false }
    return (Get-FileHash -LiteralPath $Left).Hash -eq (Get-FileHash -LiteralPath $Right).Hash
}

# Does it again for a while: a program can't be replaced or removed before its process is gone, which comes after its service's end.
function Invoke-Patiently {
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

# The running service keeps its program open.
function Close-Exporter {
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
    if ($AllowFrom.Count -gt 0 -and $PSCmdlet.ShouldProcess($name, "Let $($AllowFrom -join ', ') through the firewall")) {
        $ports = @($ListenAddress | ForEach-Object { ($_ -split ':')[-1] } | Sort-Object -Unique)
        $null = New-NetFirewallRule -Name $name -DisplayName $name -Direction Inbound -Action Allow -Protocol TCP `
            -LocalPort $ports -RemoteAddress $AllowFrom -Program $installed `
            -Description 'Lets Prometheus scrape defender-exporter.'
    }
}

# Waits until the exporter answers where it listens first, whatever its web configuration asks of clients.
function Wait-Exporter {
    $ErrorActionPreference = 'Continue' # with Stop, Windows PowerShell 5.1 ends at the first line on standard error
    $where = $ListenAddress[0]
    for ($try = 1; $try -le 30; $try++) {
        $said = & $installed "--web.listen-address=$where" healthcheck 2>$null
        if ($LASTEXITCODE -eq 0) {
            Write-Output "defender-exporter is healthy: $said"
            return
        }
        Start-Sleep -Seconds 1
    }
    throw "the service runs and does not answer at ${where}; its log is in $dataFolder\logs"
}

function Install-Exporter {
    $source = (Resolve-Path -LiteralPath $Program).ProviderPath
    if ($Config) {
        $configSource = (Resolve-Path -LiteralPath $Config).ProviderPath
        Invoke-Exporter -Path $source -Arguments @('--config.check', "--config.file=$configSource") # nothing is changed for a bad one
    }
    if (-not (Test-SameFile -Left $source -Right $installed)) {
        Close-Exporter
        if ($PSCmdlet.ShouldProcess($installed, "Copy $source")) {
            $null = New-Item -ItemType Directory -Path $programFolder -Force
            Invoke-Patiently -Action { Copy-Item -LiteralPath $source -Destination $installed -Force }
        }
    }
    $kind = if ($Account -eq 'LocalSystem') { 'local-system' } else { 'virtual' }
    $arguments = @($ListenAddress | ForEach-Object { "--web.listen-address=$_" }) + $Flags
    $arguments += @('service', 'install', '--account', $kind)
    # First the service, whose installation makes the folder and keeps others from writing there; then what lies in it.
    if ($PSCmdlet.ShouldProcess($name, "Install the service: $($arguments -join ' ')")) {
        Invoke-Exporter -Path $installed -Arguments $arguments
    }
    if ($Config -and -not (Test-SameFile -Left $configSource -Right $installedConfig)) {
        if ($PSCmdlet.ShouldProcess($installedConfig, "Copy $configSource")) {
            Copy-Item -LiteralPath $configSource -Destination $installedConfig -Force
        }
    }
    Sync-FirewallRule
    Close-Exporter # what was changed takes effect with a start
    if ($PSCmdlet.ShouldProcess($name, 'Start the service')) {
        Invoke-Exporter -Path $installed -Arguments @('service', 'start')
        Wait-Exporter
    }
}

function Uninstall-Exporter {
    if (Get-Service -Name $name -ErrorAction SilentlyContinue) {
        Close-Exporter
        if ($PSCmdlet.ShouldProcess($name, 'Remove the service')) {
            # By Windows' own program: that of the service may be gone.
            & "$env:SystemRoot\System32\sc.exe" delete $name | Out-Host
            if ($LASTEXITCODE -ne 0) { throw "sc.exe delete $name ended with exit code $LASTEXITCODE" }
        }
    }
    Sync-FirewallRule
    $folders = @($programFolder)
    if ($Purge) { $folders += $dataFolder }
    foreach ($folder in $folders) {
        if ((Test-Path -LiteralPath $folder) -and $PSCmdlet.ShouldProcess($folder, 'Remove the folder')) {
            Invoke-Patiently -Action { Remove-Item -LiteralPath $folder -Recurse -Force }
        }
    }
}

if ($Uninstall) { Uninstall-Exporter } else { Install-Exporter }
