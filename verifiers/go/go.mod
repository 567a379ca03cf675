module signet-signing

go 1.19
