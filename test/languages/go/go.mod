module languages

go 1.19

require signet-signing v0.0.0

replace signet-signing => ../../../verifiers/go
